"""The API's OpenAPI description and its page."""
