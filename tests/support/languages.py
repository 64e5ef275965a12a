"""Times as the programs of each language write them, by the data of the Unicode CLDR."""

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format

# Languages into which Teams or Zoom are translated, and large ones besides.
LANGUAGES = [
    "am", "ar", "az", "be", "bg", "bn", "bs", "ca", "ckb", "cs", "cy", "da", "de", "el", "en", "en_AU", "en_CA", "en_GB", "en_IN", "en_ZA", "es", "es_CL", "es_CO", "es_MX", "es_US", "et", "eu", "fa", "fi", "fil", "fr", "fr_BE", "fr_CA", "fr_CH", "ga", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "it_CH", "ja", "ka", "kk", "km", "kn", "ko", "kok", "ku", "ky", "lb", "lo", "lt", "lv", "mk", "ml", "mn", "mr", "ms", "mt", "my", "nb", "nl", "nl_BE", "nn", "or", "pa", "pl", "pt", "pt_PT", "ro", "ru", "rw", "si", "sk", "sl", "so", "sq", "sr", "sr_Latn", "sv", "sw", "ta", "te", "th", "ti", "tk", "tr", "tt", "ug", "uk", "ur", "uz", "vi", "yo", "yue", "zh", "zh_Hant", "zh_Hant_HK", "zu",
]  # fmt: skip


def written(locale, moment, date_format="short", time_format="medium", glue="medium"):
    """Return a time as a locale writes it, in styles of the CLDR."""
    template = get_datetime_format(glue, locale=locale).replace("'", "")
    time = format_time(moment, time_format, locale=locale)
    return template.replace("{0}", time).replace("{1}", format_date(moment, date_format, locale=locale))


def is_day_first(locale: Locale):
    """Return whether a locale writes the day before the month."""
    pattern = locale.date_formats["short"].pattern
    return pattern.index("d") < pattern.index("M")
