"""The rules of the house, as tests: what a review said twice is said here once."""
