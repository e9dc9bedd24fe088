"""How is a county reminded "the usual way", with Celery and beat?

Every five seconds beat has a task look for the rows that are due; it enqueues one task a row, and each of these calls
Twilio and marks its row. Run by bench/peers/celery_way.py with the peers' Python, never with duban's.

PEER_WAY=plain: a row is marked when it is sent. PEER_WAY=marked: already when it is enqueued, so that the next look
does not enqueue it again.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from celery import Celery
from celery.signals import worker_ready
from sqlalchemy import DateTime, Index, String, create_engine, select, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from twilio.rest import Client

LOOK_S = 5.0

engine = create_engine(os.environ["PEER_DATABASE_URL"], pool_pre_ping=True)
twilio = Client(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
twilio.api.base_url = os.environ["PEER_TWILIO_API"]
app = Celery("county", broker=os.environ["PEER_REDIS_URL"])
app.conf.update(
    beat_schedule={"look": {"task": "county.look", "schedule": LOOK_S}},
    task_ignore_result=True,
    task_acks_late=os.environ["PEER_ACKS_LATE"] == "1",
    # Celery gives an unacknowledged task to another worker after so long; an hour if nothing is said.
    broker_transport_options={"visibility_timeout": int(os.environ["PEER_VISIBILITY_S"])},
    timezone="Asia/Shanghai",
)


class Base(DeclarativeBase):
    """The tables."""


class Reminder(Base):
    """Somebody is to be reminded of an opinion."""

    __tablename__ = "reminders"
    __table_args__ = (Index("reminders_due", "state", "due_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    mobile: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(100))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(String(10), default="due")
    sid: Mapped[str | None] = mapped_column(String(40))


@app.task
def look() -> None:
    """Enqueue what is due."""
    is_due = (Reminder.state == "due", Reminder.due_at <= datetime.now(UTC))
    with Session(engine) as session:
        if os.environ["PEER_WAY"] == "marked":
            ids = session.scalars(update(Reminder).where(*is_due).values(state="queued").returning(Reminder.id)).all()
            session.commit()
        else:
            ids = session.scalars(select(Reminder.id).where(*is_due).order_by(Reminder.due_at)).all()
    for reminder in ids:
        remind.delay(reminder)


@app.task
def remind(reminder: int) -> None:
    """Send one, unless that has been done."""
    with Session(engine) as session:
        row = session.get_one(Reminder, reminder)
        if row.state == "sent":
            return
        message = twilio.messages.create(
            to=f"+86{row.mobile}",
            messaging_service_sid=os.environ["TWILIO_MESSAGING_SERVICE_SID"],
            body=f"【鹤山人大】督办提醒:{row.title}还有2个工作日到期,请按时办理。",
        )
        row.state, row.sid = "sent", message.sid
        session.commit()


@worker_ready.connect
def tell(**_: object) -> None:
    """Tell the bench that the worker has started."""
    Path(os.environ["PEER_READY"]).touch()


if __name__ == "__main__":
    Base.metadata.create_all(engine)
