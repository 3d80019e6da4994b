"""How vendors call the columns of price files; letters and digits alone, without accents."""

from collections.abc import Mapping

from resources.market_data.bars import PRICES

_YAHOO = "adjustedclosepriceadjustedforsplitsanddividendandorcapitalgaindistributions"

_SPELLINGS = {
    "date": """
        date datetime timestamp tradedate tradingdate tradingday dates exchangedate pricedate
        sessiondate businessdate asofdate date1 dateutc datum fecha data gmttime utctime utc
        dtyyyymmdd traddt localtime time opentime windowstart unix unixtime unixtimestamp epoch
        zeit t
    """,
    "open": """
        open openprice priceopen pxopen openprc tradeopen tropenprice tropen opening openingprice
        erster eroffnung eroffnungskurs eroffn ouv ouverture apertura abertura otwarcie
        oppning opnpric o
    """,
    "high": """
        high highprice pricehigh pxhigh high1 tradehigh trhighprice trhigh dayhigh hoch hochst
        tageshoch plushaut haut maximo maxima massimo max najwyzszy hoog hogst hghpric h
    """,
    "low": """
        low lowprice pricelow pxlow low1 tradelow trlowprice trlow daylow tief tiefst tagestief
        plusbas bas minimo minima min najnizszy laag lagst lwpric l
    """,
    "close": """
        close closeprice priceclose pxclose closing closingprice closinglevel hstclose trcloseprice
        trclose closelast tradeclose schluss schlusskurs zamkniecie settle settlement
        settlementprice settleprice pxlast last lastprice pricelast lasttrade trdprc1 zuletzt
        dernier cloture clot ultimo laatste ostatnio senaste clspric
        closeclosepriceadjustedforsplits c price
    """,
    "volume": """
        volume vol pxvolume volumetraded tradedvolume sharevolume sharestraded totaltradedquantity
        ttltrdqnty tottrdqty tradedquantity acvoluns accvolume trvolume stuecke stucke volumen
        wolumen wol numberofshares noofshares ttltradgvol realvolume volumeunits tickvol
        tickvolume v
    """,
    "adjustment": "adjustment",
    "half_spread": "halfspread",
    **{
        f"adjusted_{price}": f"adj{price} adjusted{price} {price}adj {price}adjusted"
        + f" adjusted adjclose{_YAHOO}" * (price == "close")
        for price in PRICES
    },
    "split": """
        splitfactor splitcoefficient splitratio stocksplits stocksplit splits split
    """,
    "dividend": """
        divcash dividendamount dividends dividend exdividend cashdividend cashdividends dividendcash
    """,
}

NAMES: Mapping[str, tuple[str, ...]] = {
    name: tuple(spellings.split()) for name, spellings in _SPELLINGS.items()
}
"""The spellings of each column, the ones that say most before the others.

Of a file with "close" and "last", "close" is the close; Ariva's "Stuecke" are shares, and its
"Volumen" is money.
"""
