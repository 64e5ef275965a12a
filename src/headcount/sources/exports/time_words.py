"""Times and durations as people write them, reduced to numbers: digits of any script, and the words of many languages.

In nearly every language, programs write short dates in numbers. Words are around them: for the half of the day, the clock and the year.
The words are those of the Unicode CLDR, for languages into which Teams and Zoom are translated.
Must not know the order of a date, nor time zones.
"""
# ruff: noqa: RUF001 - words of other scripts look like others

import re
import unicodedata
from typing import Final, NamedTuple

from headcount.kernel.events import Ms

_EQUIVALENTS: Final = str.maketrans("‐‑‒–−،", "-----,")
# 2026年1月15日 19時00分05秒
_UNITS: Final = str.maketrans("年년月월日일時时시分분秒초", "////  :::::  ")
_CLOCK_UNITS: Final = re.compile(r"(?<=\d) ?(?:h|min) ?(?=\d)")  # 19 h 00 min 05 s
_CLOCK_GAPS: Final = re.compile(r"(?<=\d) ?: ?(?=\d)")
_LAST_CLOCK_UNIT: Final = re.compile(r"(?<=\d) ?(?:min|s)$")
_WORDS: Final = re.compile(r"[^\W\d_][^\d,:/()]*")
_CLOCK_AT_START: Final = re.compile(r"\s*\d{1,2}(?::|\.\d\d(?:\.\d\d)?$)")
_CLOCK_AT_END: Final = re.compile(r"[:.]\d{1,2}(?:[.,]\d+)?\s*$")
_NOT_IN_KEY: Final = re.compile(r"""[\s.'’"״]""")

# Each line: words for the first half of the day / for the second half.
_HALVES: Final = """
am / pm
上午 上晝 午前 오전 / 下午 下晝 午後 오후
ص صباحا صبح ق.ظ ب.ن غ.م / م مساء شام ب.ظ د.ن غ.و
π.μ. / μ.μ.
पूर्वाह्न পূৰ্বাহ্ন সকাল / अपराह्न অপৰাহ্ন
ก่อนเที่ยง ກ່ອນທ່ຽງ ጥዋት ቅ.ቀ. / หลังเที่ยง ຫຼັງທ່ຽງ ከሰዓት ድ.ቀ.
לפנה״צ / אחה״צ
pg pd p.d. sa to bn gh wd sf / ptg md ch tk pn gd wb ym
vm vorm. fm de. f.h. dop. prijepodne prije_podne pre_podne dopoldne priešpiet priekšp. öö / nm nachm. em du. e.h. odp. poslijepodne po_podne popodne popoldne popiet pēcp. ös
пре_подне прије_подне претпл. дп пр.об. тң үө то / по_подне попл. пп сл.об. тк үх тк
"""
_PERIODS: Final = {
    "凌晨": range(6),
    "清晨": range(4, 10),
    "早上": range(4, 12),
    "中午": range(11, 14),
    "晚上": range(17, 24),
}
_OTHER_WORDS: Final = """
t at um uhr h klo kl klock klokken à às a_las alle ore om o v u в у о ob die saat pukul jam lúc ka ga hodź
г г. ч ч. ساعت الساعة น น.
"""

_DURATION_UNITS: Final[dict[Ms, str]] = {
    3_600_000: """
        h hr hrs hour hours std stunde stunden heure heures hora horas ora ore oră orë oras uur uren u t tim timme timmar time timer
        tuntia klst st val sat sata sati č godz godzina godziny hod ó óra sa j jam ч час часа часов г год сат сата сати сағ ώ ώρα ώρες
        ساعة ساعات ساعت س שעה שעות שע׳ घं घं॰ 時間 时间 小时 小時 시간 ชม ชั่วโมง giờ tiếng
    """,
    60_000: """
        m min mins minute minutes minuten minuto minutos minuti minuut minuta minuty minut minuter minutter mín p perc mnt menit minit dk
        м мин минута минуты минут х хв λ λεπ λεπτά דק׳ דקות د دقيقة دقيقه دقیقه मि मि॰ 分 分钟 分鐘 분 นาที phút
    """,
    1_000: """
        s sec secs second seconds sek sekunde sekunden seconde secondes segundo segundos seg secondi sekund sekunder sekunda mp sn detik dtk
        с сек секунда секунды секунд δ δευτ שנ׳ שניות ث ثانية ثانیه से से॰ 秒 초 วิ วินาที giây
    """,
}
_AMOUNTS: Final = re.compile(r"(\d+)\s*([^\W\d_][^\d,]*)[\s,]*")


class PlainTime(NamedTuple):
    """A time in ASCII digits and marks.

    `hours` are the hours of the half of the day that the text names with `half`, and all hours if it names none.
    """

    numbers: str
    half: str
    hours: range
    is_half_first: bool
    is_year_first: bool


def plain_text(text: str) -> str:
    """Return a text with ASCII digits, simple spaces and hyphens, and no invisible marks."""
    if text.isascii():
        return text
    return "".join(_plain(character) for character in unicodedata.normalize("NFKC", text)).translate(
        _EQUIVALENTS
    )


def _plain(character: str) -> str:
    if character.isascii():
        return character
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    return {"Cf": "", "Zs": " "}.get(category, character)


def without_words(plain: str) -> PlainTime | None:
    """Return a plain text without its words, or None if one of them has no known meaning.

    A word for the half of the day is known beside the clock only, and once.
    """
    text = plain.casefold().translate(_UNITS)
    text = _CLOCK_GAPS.sub(":", _LAST_CLOCK_UNIT.sub("", _CLOCK_UNITS.sub(":", text)))
    half, is_half_first = "", False
    for run in _WORDS.finditer(text):
        for word in _words_of(run[0]):
            if word in _HOURS and not half:
                half, is_half_first = word, _CLOCK_AT_START.match(text, run.end()) is not None
                if not is_half_first and not _CLOCK_AT_END.search(text[: run.start()]):
                    return None  # it may be the name of a day
            elif word not in _OTHERS:
                return None
    hours = _HOURS.get(half, range(24))
    is_year_first = "年" in plain or "년" in plain
    return PlainTime(_WORDS.sub(" ", text).strip(" .,:"), half, hours, is_half_first, is_year_first)


def _words_of(run: str) -> list[str]:
    """Return what a run without digits stands for: one word such as "a. m.", or several."""
    whole = _key(run)
    return [whole] if whole in _HOURS or whole in _OTHERS else [_key(word) for word in run.split()]


def _key(word: str) -> str:
    return _NOT_IN_KEY.sub("", plain_text(word).casefold().replace("_", ""))


def _hours_by_word() -> dict[str, range]:
    hours = {_key(word): period for word, period in _PERIODS.items()}
    for line in _HALVES.strip().splitlines():
        morning, afternoon = line.split("/")
        hours |= {_key(word): range(12) for word in morning.split()}
        hours |= {_key(word): range(12, 24) for word in afternoon.split()}
    return hours


_HOURS: Final = _hours_by_word()
_OTHERS: Final = frozenset(map(_key, _OTHER_WORDS.split())) | {""}
_UNIT_MS: Final = {_key(word): ms for ms, words in _DURATION_UNITS.items() for word in words.split()}


def parse_duration(text: str) -> tuple[Ms, bool] | None:
    """Return a duration such as "1 Std. 3 Min." in ms, and whether it includes seconds; None for any other text."""
    plain = plain_text(text).casefold()
    amounts = [(int(amount), _UNIT_MS.get(_key(unit), 0)) for amount, unit in _AMOUNTS.findall(plain)]
    units = [unit for _, unit in amounts]
    if not units or units != sorted({*units}, reverse=True) or 0 in units or _AMOUNTS.sub("", plain).strip():
        return None
    return sum(amount * unit for amount, unit in amounts), units[-1] == 1_000
