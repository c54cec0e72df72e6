"""Simulation: engines, workers and clients on virtual time, with faults chosen by a seed, and an auditor."""
