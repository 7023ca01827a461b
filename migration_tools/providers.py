"""What providers are called elsewhere, and here."""

from __future__ import annotations

NAMES = {
    "google-oauth2": "google",
    "google.com": "google",
    "oauth_google": "google",
    "google_oauth2": "google",
    "facebook.com": "facebook",
    "oauth_facebook": "facebook",
    "github.com": "github",
    "oauth_github": "github",
    "apple.com": "apple",
    "oauth_apple": "apple",
    "apple-id": "apple",
    "microsoft.com": "microsoft",
    "azuread-oauth2": "microsoft",
    "azure": "microsoft",
    "azure-ad": "microsoft",
    "microsoft-entra-id": "microsoft",
    "windowslive": "microsoft",
    "oauth_microsoft": "microsoft",
    "twitter.com": "twitter",
    "twitter-oauth2": "twitter",
    "twitter_oauth2": "twitter",
    "linkedin-oauth2": "linkedin",
    "linkedin_oauth2": "linkedin",
    "linkedin.com": "linkedin",
    "gitlab.com": "gitlab",
    "oauth_gitlab": "gitlab",
}


OURS = frozenset(NAMES.values())


def provider_of(name: str) -> str:
    """Our name of a provider, or the name as it is: mappings may tell another (``providers``)."""
    lower = name.strip().lower()
    return lower if lower in OURS else NAMES.get(lower, name)
