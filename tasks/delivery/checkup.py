"""Sees that reports could be delivered as the settings say; nothing is sent."""

from models.doctor import SetupCheck
from models.errors import BreakevenError
from models.settings import Settings
from models.settings.delivery import ChatSettings, MailSettings
from tasks.delivery import mail
from tasks.delivery.chat import make_chat_sender
from tasks.delivery.deliver import password_of

SECONDS_FOR_THE_SERVER = 5.0


def check_delivery(settings: Settings) -> list[SetupCheck]:
    """Check the mail server and each chat that reports go to."""
    checks = [_mail(settings.smtp)] if settings.smtp.host is not None else []
    checks += [_chat(name, one) for name, one in settings.chat.items()]
    nobody = "nobody is named; reports are only written"
    return checks or [
        SetupCheck("delivery", "ok", nobody, "to send them set [smtp] or [chat.NAME] (docs/report.md)")
    ]


def _mail(server: MailSettings) -> SetupCheck:
    where = f"{server.host}:{server.chosen_port}"
    quick = server.model_copy(update={"timeout_seconds": min(server.timeout_seconds, SECONDS_FOR_THE_SERVER)})
    try:
        mail.check_login(quick, password_of(server))
    except BreakevenError as error:
        return SetupCheck("mail", "fail", where, f"correct BREAKEVEN_SMTP__…: {error}")
    return SetupCheck("mail", "ok", f"{where}, to {', '.join(server.to)}")


def _chat(name: str, settings: ChatSettings) -> SetupCheck:
    try:
        make_chat_sender(name, settings)
    except BreakevenError as error:
        return SetupCheck(
            f"chat {name}", "fail", "cannot be used", f"correct BREAKEVEN_CHAT__{name.upper()}__…: {error}"
        )
    return SetupCheck(f"chat {name}", "ok", "set up; whether it takes messages shows when a report is sent")
