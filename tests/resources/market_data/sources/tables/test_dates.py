from datetime import UTC, date, datetime

import polars as pl
import pytest

from resources.market_data.sources.tables.dates import parse_days
from resources.market_data.sources.tables.table import RefusedTableError

DAY = date(2021, 1, 4)
NEW_YORK, TOKYO = "America/New_York", "Asia/Tokyo"


def parse(*cells: object, timezone: str = NEW_YORK, name: str = "date") -> list[date]:
    return parse_days(pl.Series(cells), timezone, None, name).to_list()


@pytest.mark.parametrize(
    "cell",
    [
        *("2021-01-04", "20210104", "2021.01.04", "2021/01/04", "2021/1/4", "2021-Jan-04"),
        *("04-Jan-2021", "4-jan-21", "04 January 2021", "04Jan2021", "4. Jan. 2021"),
        *("Jan 04, 2021", "January 4, 2021", "Jan-04-2021", "Mon, Jan 4, 2021", "Mon 4 Jan 2021"),
        *("2021-01-04 16:00", "2021-01-04T16:00:00.000", "20210104 160000", "2021-01-04 12-AM"),
        *("2021-01-04 04:00 PM", "2021-01-04 16:00:00 EST", "20210104T160000"),
        *("2021-01-04T00:00:00.000Z", "2021-01-04 00:00:00+00:00", "2021-01-04T00:00:00+09:00"),
        *("2021-01-04T05:00:00Z", "2021-01-04 16:00:00-05:00", "2021-01-04 21:00:00 UTC"),
        *("2021-01-05T02:00:00+0900", "2021-01-05T00:30+01", "04 Jan 2021 12:00:00 AM GMT"),
        *("04.01.2021 00:00:00.000 GMT+0100", "2021-01-04T00:00-05:00[America/New_York]")[1:],
        *("1609718400", "1609736400", "1609770600", "1609736400000", "1609736400.0"),
        *("1609736400000000", "1609736400000000000"),
    ],
)
def test_a_date_in_any_style_is_that_day(cell: str):
    assert parse(cell) == [DAY]


def test_a_stamp_after_midnight_elsewhere_is_the_exchange_day():
    stamp = "2021-01-04T23:30:00Z"
    assert parse(stamp) == [DAY]
    assert parse(stamp, timezone=TOKYO) == [date(2021, 1, 5)]
    assert parse("1609803000") == [DAY]
    assert parse("1609803000", timezone=TOKYO) == [date(2021, 1, 5)]
    assert parse("2021-01-04T02:00:00Z") == [date(2021, 1, 3)]
    assert parse("2021-01-05T01:45:00-03:30") == [date(2021, 1, 5)]  # 00:15 in New York


def test_midnight_counts_where_all_stamps_are_midnight():
    summer, winter = "2021-06-01 00:00:00-04:00", "2021-01-04 00:00:00-05:00"
    assert parse(winter, summer, timezone=TOKYO) == [DAY, date(2021, 6, 1)]
    # Not all are: a stamp of midnight in UTC is then the evening before in New York.
    assert parse("2021-01-04T00:00:00Z", "2021-01-05T05:00:00Z") == [
        date(2021, 1, 3),
        date(2021, 1, 5),
    ]


def test_the_name_of_the_column_may_give_the_zone():
    cells = "2021-01-04 02:00", "2021-01-05 02:00"
    assert parse(*cells, name="Local time")[0] == DAY
    assert parse(*cells, name="Gmt time")[0] == date(2021, 1, 3)


def test_a_stamp_without_a_zone_among_others_is_refused():
    with pytest.raises(RefusedTableError, match="'2021-01-05 16:00' in row 2 is not a date with"):
        parse("2021-01-04 16:00Z", "2021-01-05 16:00")


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "2021-13-01",
            "2021-02-30",
            "20211301",
            "Foo 4, 2021",
            "2021-01-04 25:00",
            "2021-01-04 x",
        ),
        *("2021-01-04 16:61", "2021-01", "01/2021", "2021-W01-1", "44200"),
    ],
)
def test_what_is_no_date_is_refused_with_its_row(cell: str):
    with pytest.raises(RefusedTableError, match="in row 1 is not a date"):
        parse(cell)


def test_zoned_stamps_are_days_of_the_exchange():
    stamps = [datetime(2021, 1, 5, 2, tzinfo=UTC), datetime(2021, 1, 6, 2, tzinfo=UTC)]
    assert parse(*stamps) == [DAY, date(2021, 1, 5)]
    assert parse(*stamps, timezone=TOKYO) == [date(2021, 1, 5), date(2021, 1, 6)]
    assert parse(datetime(2021, 1, 4, tzinfo=UTC)) == [DAY]


def test_an_empty_cell_is_no_day():
    assert parse("2021-01-04", " ", None) == [DAY, None, None]
    assert parse(1609718400.0, None) == [DAY, None]


def test_two_digits_of_a_year_are_of_1969_to_2068():
    assert parse("4 Jan 69", "4 Jan 68", "4 Jan 2021") == [
        date(1969, 1, 4),
        date(2068, 1, 4),
        DAY,
    ]


def test_seconds_before_1970_are_days():
    assert parse(-315619200, 1609718400) == [date(1960, 1, 1), DAY]
