"""How a job looks while it runs and when it ended. The job itself belongs to `foundation.work`.

The answer that shows a job as ended sends `ENDED` to the page; parts that say `{% refreshed_by_job "their-id" %}` then
read themselves again. A handler may leave in its result: `url` and `label` of what was made, `sha256` of a file,
`text` with the outcome in a sentence and its `tone`.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from mlops_portal.foundation.web.words import duration, number, percent

TONES = {"queued": "mute", "running": "info", "succeeded": "ok", "failed": "fail", "stopped": "warn"}
WORDS = {"queued": "Waiting", "succeeded": "Done", "failed": "Failed", "stopped": "Stopped"}
ENDED = "portal:job-ended"
SURE_AFTER_SECONDS = 3


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as a page shows it."""

    job: Any
    now: datetime | None = None
    is_live: bool = True

    @property
    def asks_again(self) -> bool:
        """Tell whether the row should ask for itself."""
        return self.is_live and not self.job.is_final

    @property
    def tone(self) -> str:
        """Tone of the row."""
        return (self.job.result or {}).get("tone") or TONES.get(self.job.state, "mute")

    @property
    def word(self) -> str:
        """State in one word, empty while the bar shows it."""
        return "Ready" if self.result_url else WORDS.get(self.job.state, "")

    @property
    def progress(self) -> str:
        """Done of total in words, with the phase."""
        phase = self.job.phase or ("Waiting for a free worker" if self.job.state == "queued" else "Working")
        if not self.job.total:
            return phase
        return f"{phase}, {number(self.job.done)} of {number(self.job.total)}"

    @property
    def left(self) -> str:
        """Percent, and the time left once the pace is known."""
        if not self.job.total:
            return ""
        text = percent(self.job.percent)
        started, done = self.job.started_at, self.job.done
        if not started or not done:
            return text
        spent = ((self.now or timezone.now()) - started).total_seconds()
        if spent < SURE_AFTER_SECONDS:
            return text
        return f"{text}, about {duration(spent / done * (self.job.total - done))} left"

    @property
    def outcome(self) -> str:
        """What came of it, in a sentence: why it failed, or what the handler said."""
        return self.job.error or (self.job.result or {}).get("text", "")

    @property
    def event(self) -> str:
        """The event for the page, as the value of `HX-Trigger`; what ended well is also told to the person."""
        is_well = self.job.state == "succeeded" and self.tone == "ok"
        said = f"{self.job.label}: {self.word.lower()}" if is_well else ""
        return json.dumps({ENDED: {"said": said}})

    @property
    def result_url(self) -> str:
        """Where the result is, when the handler left an address in it."""
        return (self.job.result or {}).get("url", "")

    @property
    def result_label(self) -> str:
        """What the result is called: its size for files."""
        return (self.job.result or {}).get("label", "Open")

    @property
    def digest(self) -> str:
        """Digest of the result, when it is a file."""
        return (self.job.result or {}).get("sha256", "")
