"""The same bars as files of many layouts, as vendors publish them."""

from datetime import date

from tests.resources.market_data.sources.layout_rows import (
    NEWEST_FIRST,
    ROWS,
    achlo,
    chlo,
    epoch,
    german,
    millions,
    plain,
    quoted,
    table,
)

COHLV = "Close,High,Low,Open,Volume"
ACHLOV = "Adj Close,Close,High,Low,Open,Volume"


def _binance(d: date, o: float, h: float, low: float, c: float, v: int) -> str:
    end = epoch(d) * 1000 + 86_399_999
    return f"{epoch(d) * 1000},{o},{h},{low},{c},{v}.00000000,{end},123.4,99,55.0,44.0,0"


TEXTS: dict[str, str] = {
    "plain": table("date,open,high,low,close,volume", plain),
    "newest first": table("Date,Open,High,Low,Close,Volume", plain, NEWEST_FIRST),
    "semicolons": table(
        "Date;Open;High;Low;Close;Volume", lambda *r: ";".join(str(cell) for cell in r)
    ),
    "pipes": table("date|open|high|low|close|vol", lambda *r: "|".join(str(cell) for cell in r)),
    "excel sep line": "sep=;\r\n"
    + table("Date;Open;High;Low;Close;Volume", lambda *r: ";".join(str(c) for c in r)),
    "unnamed index": ",Open,High,Low,Close,Volume\n" + "".join(plain(*row) + "\n" for row in ROWS),
    "row numbers before the date": ",date,open,high,low,close,volume\n"
    + "".join(f"{n},{plain(*row)}\n" for n, row in enumerate(ROWS)),
    "yfinance, two levels": f"Price,{COHLV}\nTicker,TST,TST,TST,TST,TST\nDate,,,,,\n"
    + table("", chlo)[1:],
    "yfinance, grouped by ticker": f"Ticker,TST,TST,TST,TST,TST\nPrice,{COHLV}\nDate,,,,,\n"
    + table("", chlo)[1:],
    "yfinance, old, two levels": f",{ACHLOV}\n,TST,TST,TST,TST,TST,TST\nDate,,,,,,\n"
    + table("", achlo)[1:],
    "pandas-datareader": f"Attributes,{ACHLOV}\nSymbols,TST,TST,TST,TST,TST,TST\nDate,,,,,,\n"
    + table("", achlo)[1:],
    "yfinance, tuples as names": "Date,"
    + ",".join(f"\"('{n}', 'TST')\"" for n in COHLV.split(","))
    + "\n"
    + table("", chlo)[1:],
    "yfinance, history": table(
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
        lambda d, o, h, low, c, v: f"{d} 00:00:00-05:00,{o},{h},{low},{c},{v},0.0,0.0",
    ),
    "quantmod": table(
        '"Index","TST.Open","TST.High","TST.Low","TST.Close","TST.Volume","TST.Adjusted"',
        lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{v},{c}",
    ),
    "Alpha Vantage": table(
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
        lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{c},{v},0.0,1.0",
        NEWEST_FIRST,
    ),
    "Alpha Vantage, JSON names": table("date,1. open,2. high,3. low,4. close,5. volume", plain),
    "Tiingo": table(
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,"
        "splitFactor",
        lambda d, o, h, low, c, v: (
            f"{d}T00:00:00.000Z,{c},{h},{low},{o},{v},{c},{h},{low},{o},{v},0.0,1.0"
        ),
    ),
    "Polygon": table(
        "v,vw,o,c,h,l,t,n",
        lambda d, o, h, low, c, v: f"{v},{c},{o},{c},{h},{low},{epoch(d, 5) * 1000},9",
    ),
    "Polygon, flat file": table(
        "ticker,volume,open,close,high,low,window_start,transactions",
        lambda d, o, h, low, c, v: f"TST,{v},{o},{c},{h},{low},{epoch(d, 5)}000000000,9",
    ),
    "EODHD": table(
        "Date,Open,High,Low,Close,Adjusted_close,Volume",
        lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{c},{v}",
    ),
    "Quandl": table(
        "Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. Low,"
        "Adj. Close,Adj. Volume",
        lambda d, o, h, low, c, v: f"{d},{o},{h},{low},{c},{v},0.0,1.0,{o},{h},{low},{c},{v}",
        NEWEST_FIRST,
    ),
    "NSE India": table(
        '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap ","52W H",'
        '"52W L ","VOLUME ","VALUE ","No of trades "',
        lambda d, o, h, low, c, v: quoted(
            *(f"{d:%d-%b-%Y}", "EQ", f"{o:,.2f}", f"{h:,.2f}", f"{low:,.2f}", "990.00"),
            *(f"{c:,.2f}", f"{c:,.2f}", f"{c:,.2f}", "1,200.00", "800.00", f"{v:,}"),
            *("98,76,54,321.00", "1,234"),
        ),
        NEWEST_FIRST,
    ),
    "NSE India, bhavcopy": table(
        "SYMBOL, SERIES, DATE1, PREV_CLOSE, OPEN_PRICE, HIGH_PRICE, LOW_PRICE, LAST_PRICE, "
        "CLOSE_PRICE, AVG_PRICE, TTL_TRD_QNTY, TURNOVER_LACS",
        lambda d, o, h, low, c, v: (
            f"TST, EQ, {d:%d-%b-%Y}, 9.9, {o}, {h}, {low}, 1.1, {c}, 9.9, {v}, 88.1"
        ),
    ),
    "Nasdaq": table(
        "Date,Close/Last,Volume,Open,High,Low",
        lambda d, o, h, low, c, v: f"{d:%m/%d/%Y},${c},{v},${o},${h},${low}",
        NEWEST_FIRST,
    ),
    "Investing": table(
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"',
        lambda d, o, h, low, c, v: quoted(
            *(f"{d:%m/%d/%Y}", f"{c:,.2f}", f"{o:,.2f}", f"{h:,.2f}", f"{low:,.2f}"),
            *(millions(v), "0.10%"),
        ),
        NEWEST_FIRST,
    ),
    "Investing, old": table(
        '"Date","Price","Open","High","Low","Vol.","Change %"',
        lambda d, o, h, low, c, v: quoted(
            *(f"{d:%b %d, %Y}", f"{c:,.2f}", f"{o:,.2f}", f"{h:,.2f}", f"{low:,.2f}"),
            *(f"{v / 1e3:.2f}K", "0.10%"),
        ),
        NEWEST_FIRST,
    ),
    "Investing, Germany": table(
        '\ufeff"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
        lambda d, o, h, low, c, v: quoted(
            *(f"{d:%d.%m.%Y}", german(c), german(o), german(h), german(low)),
            *(millions(v).replace(".", ","), "0,10%"),
        ),
        NEWEST_FIRST,
    ),
    "Investing, France": table(
        '"Date","Dernier","Ouv."," Plus Haut","Plus Bas","Vol.","Variation %"',
        lambda d, o, h, low, c, v: quoted(
            *(f"{d:%d/%m/%Y}", german(c), german(o), german(h), german(low)),
            *(millions(v).replace(".", ","), "0,10%"),
        ),
        NEWEST_FIRST,
    ),
    "Stooq": table("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", plain),
    "Stooq, bulk": table(
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
        lambda d, o, h, low, c, v: f"TST.US,D,{d:%Y%m%d},000000,{o},{h},{low},{c},{v},0",
    ),
    "MetaTrader 5": table(
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        lambda d, o, h, low, c, v: f"{d:%Y.%m.%d}\t{o}\t{h}\t{low}\t{c}\t{v}\t0\t1",
    ),
    "MetaTrader 4, no header": "".join(
        f"{d:%Y.%m.%d},00:00,{o},{h},{low},{c},{v}\n" for d, o, h, low, c, v in ROWS
    ),
    "CryptoDataDownload": "https://www.CryptoDataDownload.com\n"
    + table(
        "unix,date,symbol,open,high,low,close,Volume TST,Volume USD",
        lambda d, o, h, low, c, v: (
            f"{epoch(d) * 1000},{d} 00:00:00,TST/USD,{o},{h},{low},{c},{v},{v * c}"
        ),
        NEWEST_FIRST,
    ),
    "Binance": table(
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        "taker_buy_quote_volume,ignore",
        _binance,
    ),
    "Binance, no header": table("", _binance)[1:],
    "Kraken": table(
        "time,open,high,low,close,vwap,volume,count",
        lambda d, o, h, low, c, v: f"{epoch(d)},{o},{h},{low},{c},{c},{v},17",
    ),
    "Kraken, no header": "".join(
        f"{epoch(d)},{o},{h},{low},{c},{v},17\n" for d, o, h, low, c, v in ROWS
    ),
    "Dukascopy": table(
        "Gmt time,Open,High,Low,Close,Volume",
        lambda d, o, h, low, c, v: f"{d:%d.%m.%Y} 00:00:00.000,{o},{h},{low},{c},{v}",
    ),
    "Dukascopy, local time": table(
        "Local time,Open,High,Low,Close,Volume",
        lambda d, o, h, low, c, v: f"{d:%d.%m.%Y} 00:00:00.000 GMT+0100,{o},{h},{low},{c},{v}",
    ),
    "TradingView": table(
        "time,open,high,low,close,Volume",
        lambda d, o, h, low, c, v: f"{epoch(d, 14) + 1800},{o},{h},{low},{c},{v}",
    ),
    "Ariva": table(
        "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen",
        lambda d, o, h, low, c, v: ";".join(
            [str(d), *map(german, (o, h, low, c)), german(v)[:-3], german(v * 1000)[:-3]]
        ),
        NEWEST_FIRST,
    ),
    "Refinitiv": table(
        "Exchange Date,Close,Net,%Chg,Open,Low,High,Volume,Turnover - USD",
        lambda d, o, h, low, c, v: (
            f'{d:%d-%b-%Y},"{c:,.2f}",0.1,0.01%,"{o:,.2f}","{low:,.2f}","{h:,.2f}","{v:,}","{v:,}"'
        ),
        NEWEST_FIRST,
    ),
    "Bloomberg": "Security,TST US Equity\nStart Date,2021-01-04\nPeriod,D\n\n"
    + table("Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME", plain),
    "Barchart": table(
        "Time,Open,High,Low,Last,Change,%Chg,Volume",
        lambda d, o, h, low, c, v: f"{d:%m/%d/%Y},{o},{h},{low},{c},0.1,0.2%,{v}",
    )
    + '"Downloaded from Barchart.com as of 03-01-2021 05:00am CST"\n',
    "GOOGLEFINANCE": table(
        "Date\tOpen\tHigh\tLow\tClose\tVolume",
        lambda d, o, h, low, c, v: (
            f"{d.month}/{d.day}/{d.year} 16:00:00\t{o}\t{h}\t{low}\t{c}\t{v}"
        ),
    ),
    "Wall Street Journal": table(
        "Date, Open, High, Low, Close, Volume",
        lambda d, o, h, low, c, v: f"{d:%m/%d/%y}, {o}, {h}, {low}, {c}, {v}",
        NEWEST_FIRST,
    ),
    "HistData": table(
        "Datetime;Open;High;Low;Close;Volume",
        lambda d, o, h, low, c, v: f"{d:%Y%m%d} 000000;{o};{h};{low};{c};{v}",
    ),
    "Swiss numbers": table(
        "Date;Open;High;Low;Close;Volume",
        lambda d, *n: f"{d:%d.%m.%Y};" + ";".join(f"{value:,.2f}".replace(",", "'") for value in n),
    ),
    "French spaces": table(
        "Date;Open (EUR);High (EUR);Low (EUR);Close (EUR);Volume",
        lambda d, *n: (
            f"{d:%d/%m/%Y};"
            + ";".join(f"{x:,.2f} €".replace(",", "\u202f").replace(".", ",") for x in n[:-1])
            + f";{n[-1]}"
        ),
    ),
    "trailing separators": table(
        "trade_date,open,high,low,close,vol", lambda *row: plain(*row) + ","
    ),
    "null rows": table("Date,Open,High,Low,Close,Volume", plain)
    + "2021-03-01,null,null,null,null,null\n2021-03-02,-,-,-,-,-\n,,,,,\n",
}

LAYOUTS: dict[str, bytes] = {name: text.encode() for name, text in TEXTS.items()} | {
    "UTF-8 with a byte order mark": ("\ufeff" + TEXTS["plain"]).encode(),
    "UTF-16, tabs": TEXTS["GOOGLEFINANCE"].encode("utf-16"),
    "UTF-16 big endian": ("\ufeff" + TEXTS["semicolons"]).encode("utf-16-be"),
    "UTF-16 without a mark": TEXTS["plain"].encode("utf-16-le"),
    "Latin-1": TEXTS["Ariva"].replace("Stuecke", "Stücke").encode("latin-1"),
    "Windows lines": TEXTS["plain"].replace("\n", "\r\n").encode(),
    "old Macintosh lines": TEXTS["plain"].replace("\n", "\r").encode(),
}
