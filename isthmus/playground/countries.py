"""The organisation's country and state picklists: ISO 3166-1 alpha-2 codes and the labels people see."""

from __future__ import annotations

COUNTRIES: dict[str, str] = dict(
    pair.split("=")
    for pair in (
        "AE=United Arab Emirates|AR=Argentina|AT=Austria|AU=Australia|BE=Belgium|BG=Bulgaria|BR=Brazil|CA=Canada"
        "|CH=Switzerland|CL=Chile|CN=China|CY=Cyprus|CZ=Czechia|DE=Germany|DK=Denmark|EE=Estonia|EG=Egypt|ES=Spain"
        "|FI=Finland|FR=France|GB=United Kingdom|GR=Greece|HR=Croatia|HU=Hungary|IE=Ireland|IL=Israel|IN=India"
        "|IS=Iceland|IT=Italy|JP=Japan|KR=Korea, Republic of|LT=Lithuania|LU=Luxembourg|LV=Latvia|MT=Malta|MX=Mexico"
        "|MY=Malaysia|NL=Netherlands|NO=Norway|NZ=New Zealand|PL=Poland|PT=Portugal|RO=Romania|RS=Serbia"
        "|SA=Saudi Arabia|SE=Sweden|SG=Singapore|SI=Slovenia|SK=Slovakia|TH=Thailand|TR=Türkiye|TW=Taiwan|UA=Ukraine"
        "|US=United States|VN=Viet Nam|ZA=South Africa"
    ).split("|")
)
CODES: dict[str, str] = {label.casefold(): code for code, label in COUNTRIES.items()}

#: Where states are configured only these are valid; elsewhere none is, as in a new organisation.
STATES: dict[str, frozenset[str]] = {
    "US": frozenset(
        (
            "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|District of Columbia|Florida"
            "|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts"
            "|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico"
            "|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina"
            "|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
        ).split("|")
    ),
    "CA": frozenset(
        (
            "Alberta|British Columbia|Manitoba|New Brunswick|Newfoundland and Labrador|Northwest Territories"
            "|Nova Scotia|Nunavut|Ontario|Prince Edward Island|Quebec|Saskatchewan|Yukon Territories"
        ).split("|")
    ),
}
