"""The query language of lists and counts: text to a tree that a store answers.

WorkflowType = 'Order' AND (Customer IN ('ada', 'bob') OR NOT StartTime > '-7d') ORDER BY Amount DESC
"""
