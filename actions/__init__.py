"""Rasa custom actions: each asks a client and chooses among the words of domain.yml, and nothing else.

They run in the assistant's own process; `bot.app` makes them with their clients.
"""
