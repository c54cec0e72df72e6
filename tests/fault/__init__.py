"""Kills, stops and lost servers, under load."""
