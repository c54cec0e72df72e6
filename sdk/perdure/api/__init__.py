"""The few messages that programs written for `temporalio` import by their place in its API."""
