"""A simple alternative for ingest: FastAPI and SQLAlchemy, one insert per request; and empty responses.

    RIVAL_DATABASE=events.db RIVAL_KEY=secret uvicorn --factory rival_api:fastapi_insert

A careful first version: its model validates the event, the key is compared in
constant time, and acknowledged events are on disk (write-ahead log, `synchronous=full`). The route is
a plain `def`, which FastAPI runs in threads: an `async def` with the insert in it was half as fast.
"""

import os
import secrets
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, Field
from sqlalchemy import URL, Engine, String, create_engine, event, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route
from starlette.types import ASGIApp

PATH = "/v1/events"


def starlette_empty() -> ASGIApp:
    async def nothing(_: Request) -> StarletteResponse:
        return StarletteResponse()

    return Starlette(routes=[Route(PATH, nothing, methods=["POST"])])


def fastapi_empty() -> ASGIApp:
    app = FastAPI()

    @app.post(PATH)
    async def nothing() -> Response:
        return Response()

    return app


class Base(DeclarativeBase):
    pass


class EventRow(Base):
    __tablename__ = "events"

    position: Mapped[int] = mapped_column(primary_key=True)
    room: Mapped[str] = mapped_column(String(512), index=True)
    kind: Mapped[str] = mapped_column(String(5))
    at: Mapped[float]
    participant_id: Mapped[str | None]
    user_id: Mapped[str | None]
    user_name: Mapped[str | None]
    source_session: Mapped[str | None]


class EventBody(BaseModel):
    room: str = Field(min_length=1, max_length=512)
    kind: Literal["join", "leave", "end"]
    at: float = Field(gt=946_684_800)
    participant_id: str | None = Field(default=None, max_length=512)
    user_id: str | None = Field(default=None, max_length=512)
    user_name: str | None = Field(default=None, max_length=512)
    source_session: str | None = Field(default=None, max_length=512)


class Accepted(BaseModel):
    accepted: int
    position: int


def fastapi_insert() -> ASGIApp:
    engine = durable(os.environ["RIVAL_DATABASE"])
    key = f"Bearer {os.environ['RIVAL_KEY']}".encode()
    Base.metadata.create_all(engine)
    app = FastAPI()

    async def allowed(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), key):
            raise HTTPException(401, "this key is not known")

    @app.post(PATH, dependencies=[Depends(allowed)])
    def ingest(body: EventBody) -> Accepted:
        with Session(engine) as session:
            position = session.scalar(
                insert(EventRow).values(**body.model_dump()).returning(EventRow.position)
            )
            session.commit()
        assert position is not None
        return Accepted(accepted=1, position=position)

    return app


def durable(path: str) -> Engine:
    """A database in which what was committed survives a power cut."""
    engine = create_engine(URL.create("sqlite", database=path))

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")

    return engine
