"""Django's settings, all taken from :func:`guanxi.runtime.environment.environment`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from psycopg.conninfo import conninfo_to_dict

from guanxi.config.fingerprint import fingerprint
from guanxi.runtime.environment import environment

ENVIRONMENT = environment()
PACKAGE = Path(__file__).resolve().parent.parent

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key
ALLOWED_HOSTS = [
    urlsplit(ENVIRONMENT.url).hostname or "localhost",
    "localhost",
    "127.0.0.1",
    "[::1]",
    *ENVIRONMENT.allowed_hosts,
]
CSRF_TRUSTED_ORIGINS = [ENVIRONMENT.url]

#: Areas in the order of the house, lowest first; integrations and packs after them.
AREAS = [
    "guanxi.areas.customers",
    "guanxi.areas.activities",
    "guanxi.areas.campaigns",
    "guanxi.areas.diary",
    "guanxi.areas.catalog",
    "guanxi.areas.sales",
    "guanxi.areas.billing",
    "guanxi.areas.marketing",
    "guanxi.areas.insight",
]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "pgtrigger",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "guanxi.core",
    *AREAS,
]

MIDDLEWARE = [
    "guanxi.config.observe.RequestLogMiddleware",
    "guanxi.core.web.compressing.CompressingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "guanxi.core.web.assets.AssetsMiddleware",
    "guanxi.core.web.middleware.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "guanxi.core.web.middleware.ActorMiddleware",
    "guanxi.core.web.errors.ErrorMiddleware",
    "guanxi.core.web.replicas.ReplicaMiddleware",
]

ROOT_URLCONF = "guanxi.config.urls"
WSGI_APPLICATION = "guanxi.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "NAME": "jinja2",
        "DIRS": [
            PACKAGE / "core" / "web" / "templates",
            *(PACKAGE / "areas" / area.rpartition(".")[2] / "templates" for area in AREAS),
        ],
        "APP_DIRS": False,
        "OPTIONS": {
            "environment": "guanxi.core.web.jinja.environment",
            "context_processors": ["guanxi.core.web.context.shell"],
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
]


#: A server on another machine that is switched off never says so: what it owes is given up after seconds, not minutes.
_PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


def _database(url: str) -> dict[str, object]:
    """Django's form of a database address; several hosts, as in ``postgresql://a:5432,b:5432/guanxi``, are tried in order."""
    given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    host = given.pop("host", "")
    name = given.pop("dbname", "")
    return {
        "ENGINE": "guanxi.config.database",
        "NAME": name,
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": host,
        "PORT": given.pop("port", ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "prepare_threshold": 0,  # only ``models.fixed`` prepares statements
            **({} if host.startswith("/") else _PATIENCE),
            **given,
        },
        "TEST": {"NAME": name},
    }


DATABASES = {"default": _database(ENVIRONMENT.acting_url)}
if ENVIRONMENT.read_database_url:
    DATABASES["replica"] = _database(ENVIRONMENT.read_database_url)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["guanxi.core.people.signin.Backend"]
PASSWORD_HASHERS = ["guanxi.core.people.passwords.Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "guanxi.core.people.passwords.LengthValidator", "OPTIONS": {"min_length": 10}},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "email", "name")},
    },
    {"NAME": "guanxi.core.people.passwords.CommonValidator"},
]
LOGIN_URL = "/account/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "guanxi.core.people.signin.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False  # our own limits stand in the database and hold for every process
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_PRESERVE_USERNAME_CASING = False
MFA_ADAPTER = "guanxi.core.people.signin.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Guanxi"
MFA_TOTP_TOLERANCE = 1  # a phone whose clock is half a minute off still works
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
USERSESSIONS_TRACK_ACTIVITY = False

SECURE_SITE = ENVIRONMENT.url.startswith("https://")
SESSION_ENGINE = "guanxi.core.people.sessionstore"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SITE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
#: Over https the browser itself holds them to this host alone.
_HOST = "__Host-" if SECURE_SITE else ""
SESSION_COOKIE_NAME = f"{_HOST}guanxi_session"
CSRF_COOKIE_NAME = f"{_HOST}guanxi_csrf"
CSRF_FAILURE_VIEW = "guanxi.core.web.errors.csrf_failure"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_SITE else 0
X_FRAME_OPTIONS = "DENY"
if ENVIRONMENT.behind_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
FILE_UPLOAD_TEMP_DIR = None

TIMING = ENVIRONMENT.timing
LANGUAGE_CODE = ENVIRONMENT.language
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = ENVIRONMENT.time_zone

STATICFILES_DIRS = [PACKAGE / "core" / "web" / "static"]
STATIC_URL = f"/static/{fingerprint([*STATICFILES_DIRS, *sorted(PACKAGE.glob('areas/*/static'))])}/"
STATIC_ROOT = ENVIRONMENT.data / "static"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": ENVIRONMENT.data / "files"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

#: Used for what must hold over all processes and restarts: codes of the second factor that were used.
CACHES = {"default": {"BACKEND": "guanxi.core.people.usedcodes.UsedCodes", "LOCATION": "core_cache"}}


def _mail(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return {"EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme.startswith("smtp"):
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": parts.hostname or "localhost",
            "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 25),
            "EMAIL_HOST_USER": unquote(parts.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
            "EMAIL_USE_SSL": parts.scheme == "smtps",
            "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
            "EMAIL_TIMEOUT": 20,
        }
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "EMAIL_FILE_PATH": unquote(parts.path) if parts.path else str(ENVIRONMENT.data / "mail"),
    }


globals().update(_mail(ENVIRONMENT.email_url))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENVIRONMENT.email_from

LOGGING_CONFIG = None  # guanxi.config.observe sets logging up
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"
PROCRASTINATE_IMPORT_PATHS = [
    "guanxi.core.automation.jobs",
    "guanxi.core.exchange.jobs",
    "guanxi.core.outside.jobs",
    "guanxi.core.people.jobs",
    "guanxi.core.reporting.jobs",
    "guanxi.core.shaping.jobs",
]
SILENCED_SYSTEM_CHECKS = ["models.W042"]
