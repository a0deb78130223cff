"""The sentence encoder of our own: see README.md beside this file for where it comes from."""
