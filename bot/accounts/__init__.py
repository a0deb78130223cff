"""People: password, roles, contact points, sessions."""
