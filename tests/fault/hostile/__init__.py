"""Hostile bytes, requests and user code against real servers: what is bad is set aside, and its neighbours go on."""
