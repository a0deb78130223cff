"""HTTP for every topic: problems, strict bodies, cross-site guard, cookies, headers, limits, OpenAPI.

Topics declare operations with `bot.http.api.Api`; `bot.http.server` makes a Sanic application of them.
"""
