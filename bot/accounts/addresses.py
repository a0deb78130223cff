"""Phone numbers and email addresses that a code may be sent to.

A number that rings up a premium charge for us, or that belongs to another country inside +1, is the classic way to
make money of other people's sign-in pages; hence the rules are strict and by region.
"""

from __future__ import annotations

from collections.abc import Collection

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberType

MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)  # no plan tells the two apart in the US


class UnusableAddress(ValueError):
    """The number or address cannot be used; the message says what is wanted, never what was given."""


def mobile_number(text: str, regions: Collection[str]) -> str:
    """A mobile number as E.164.

    Args:
        regions: where numbers may belong, such as US; the first is assumed where no country code is written.

    Raises:
        UnusableAddress: not a number that can receive texts there.
    """
    first = next(iter(regions), "US")
    try:
        number = phonenumbers.parse(text, first)
    except NumberParseException:
        raise UnusableAddress("Write a mobile number such as 845-555-0142.") from None
    if any(character.isdecimal() and not character.isascii() for character in text):
        raise UnusableAddress("Write a mobile number such as 845-555-0142.")  # digits of another script look alike
    if number.extension or any(character.isalpha() for character in text):
        raise UnusableAddress("A number with an extension cannot receive text messages.")
    if not phonenumbers.is_valid_number(number):
        raise UnusableAddress("Write a mobile number such as 845-555-0142.")
    if phonenumbers.region_code_for_number(number) not in regions:
        raise UnusableAddress("Codes cannot be sent to numbers of that country.")
    if phonenumbers.number_type(number) not in MOBILE:
        raise UnusableAddress("That number cannot receive text messages; a mobile number can.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_address(text: str) -> str:
    """An email address in one spelling.

    Raises:
        UnusableAddress: not an address.
    """
    try:
        return validate_email(
            text.strip(), check_deliverability=False, allow_smtputf8=False, test_environment=False
        ).normalized.lower()
    except EmailNotValidError:
        raise UnusableAddress("Write an email address such as name@example.com.") from None


def reply_address(text: str) -> str:
    """A phone number of any kind or an email address, for a person to answer to; one spelling.

    Raises:
        UnusableAddress: neither.
    """
    if "@" in text:
        return email_address(text)
    try:
        number = phonenumbers.parse(text, "US")
    except NumberParseException:
        raise UnusableAddress("Write a phone number or an email address.") from None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise UnusableAddress("Write a phone number or an email address.")  # without its area code nobody can call it
    style = phonenumbers.PhoneNumberFormat.E164
    extension = f" ext. {number.extension}" if number.extension else ""
    return phonenumbers.format_number(number, style) + extension
