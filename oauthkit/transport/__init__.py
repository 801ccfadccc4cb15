"""The only code that talks: sessions, the caller of protocol endpoints, the signing middleware."""
