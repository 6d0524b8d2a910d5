"""Compares requests to Stripe and its objects with the types of the package `stripe`.

Reads JSON lines from a file, the first argument, or from standard input, each one exchange:

    {"method": "POST", "route": "/v1/customers/{id}", "form": [["email", "a@b.c"]], "status": 200, "body": {…}}
    {"object": {…}}

and prints one line for each fault: a parameter that the package does not know, or whose value has another type; a
member that an object lacks, that the package does not know, or that has another type. Nothing is printed where there is
none. The exit code is 0 in both cases.
"""

import importlib
import json
import re
import sys
import types
import typing

import typing_extensions
import stripe
from stripe._object_classes import OBJECT_CLASSES

# The parameters of a route, as a module and a class of `stripe.params`.
PARAMS = {
    "POST /v1/customers": "CustomerCreateParams",
    "POST /v1/customers/{id}": "CustomerUpdateParams",
    "GET /v1/customers/{id}": "CustomerRetrieveParams",
    "DELETE /v1/customers/{id}": "CustomerDeleteParams",
    "GET /v1/customers": "CustomerListParams",
    "POST /v1/products": "ProductCreateParams",
    "GET /v1/products/{id}": "ProductRetrieveParams",
    "POST /v1/prices": "PriceCreateParams",
    "POST /v1/prices/{id}": "PriceUpdateParams",
    "GET /v1/prices/{id}": "PriceRetrieveParams",
    "GET /v1/prices": "PriceListParams",
    "POST /v1/coupons": "CouponCreateParams",
    "GET /v1/coupons/{id}": "CouponRetrieveParams",
    "DELETE /v1/coupons/{id}": "CouponDeleteParams",
    "POST /v1/tax_rates": "TaxRateCreateParams",
    "GET /v1/tax_rates/{id}": "TaxRateRetrieveParams",
    "POST /v1/checkout/sessions": "checkout.SessionCreateParams",
    "GET /v1/checkout/sessions/{id}": "checkout.SessionRetrieveParams",
    "GET /v1/checkout/sessions": "checkout.SessionListParams",
    "POST /v1/checkout/sessions/{id}/expire": "checkout.SessionExpireParams",
    "POST /v1/billing_portal/sessions": "billing_portal.SessionCreateParams",
    "POST /v1/payment_intents": "PaymentIntentCreateParams",
    "GET /v1/payment_intents/{id}": "PaymentIntentRetrieveParams",
    "GET /v1/payment_intents": "PaymentIntentListParams",
    "POST /v1/payment_intents/{id}/confirm": "PaymentIntentConfirmParams",
    "POST /v1/payment_intents/{id}/capture": "PaymentIntentCaptureParams",
    "POST /v1/payment_intents/{id}/cancel": "PaymentIntentCancelParams",
    "POST /v1/payment_methods": "PaymentMethodCreateParams",
    "GET /v1/payment_methods/{id}": "PaymentMethodRetrieveParams",
    "GET /v1/payment_methods": "PaymentMethodListParams",
    "POST /v1/payment_methods/{id}/attach": "PaymentMethodAttachParams",
    "POST /v1/payment_methods/{id}/detach": "PaymentMethodDetachParams",
    "POST /v1/setup_intents": "SetupIntentCreateParams",
    "GET /v1/setup_intents/{id}": "SetupIntentRetrieveParams",
    "POST /v1/setup_intents/{id}/confirm": "SetupIntentConfirmParams",
    "POST /v1/setup_intents/{id}/cancel": "SetupIntentCancelParams",
    "POST /v1/subscriptions": "SubscriptionCreateParams",
    "POST /v1/subscriptions/{id}": "SubscriptionUpdateParams",
    "POST /v1/subscriptions/{id}/resume": "SubscriptionResumeParams",
    "DELETE /v1/subscriptions/{id}": "SubscriptionCancelParams",
    "GET /v1/subscriptions/{id}": "SubscriptionRetrieveParams",
    "GET /v1/subscriptions": "SubscriptionListParams",
    "POST /v1/invoices/create_preview": "InvoiceCreatePreviewParams",
    "GET /v1/invoices/{id}": "InvoiceRetrieveParams",
    "GET /v1/invoices": "InvoiceListParams",
    "POST /v1/invoices/{id}/pay": "InvoicePayParams",
    "POST /v1/invoices/{id}/void": "InvoiceVoidInvoiceParams",
    "POST /v1/invoices/{id}/finalize": "InvoiceFinalizeInvoiceParams",
    "GET /v1/invoice_payments": "InvoicePaymentListParams",
    "POST /v1/refunds": "RefundCreateParams",
    "GET /v1/refunds/{id}": "RefundRetrieveParams",
    "GET /v1/refunds": "RefundListParams",
    "GET /v1/charges/{id}": "ChargeRetrieveParams",
    "GET /v1/charges": "ChargeListParams",
    "GET /v1/disputes/{id}": "DisputeRetrieveParams",
    "GET /v1/disputes": "DisputeListParams",
    "POST /v1/disputes/{id}/close": "DisputeCloseParams",
    "POST /v1/accounts": "AccountCreateParams",
    "GET /v1/accounts/{id}": "AccountRetrieveParams",
    "DELETE /v1/accounts/{id}": "AccountDeleteParams",
    "POST /v1/accounts/{id}/login_links": "AccountLoginLinkCreateParams",
    "POST /v1/account_links": "AccountLinkCreateParams",
    "POST /v1/transfers": "TransferCreateParams",
    "GET /v1/transfers/{id}": "TransferRetrieveParams",
    "GET /v1/transfers": "TransferListParams",
    "POST /v1/transfers/{id}/reversals": "TransferCreateReversalParams",
    "GET /v1/transfers/{id}/reversals": "TransferListReversalsParams",
    "GET /v1/payouts/{id}": "PayoutRetrieveParams",
    "GET /v1/payouts": "PayoutListParams",
    "GET /v1/balance": "BalanceRetrieveParams",
    "GET /v1/balance_transactions/{id}": "BalanceTransactionRetrieveParams",
    "GET /v1/balance_transactions": "BalanceTransactionListParams",
    "GET /v1/events/{id}": "EventRetrieveParams",
    "GET /v1/events": "EventListParams",
}

# Parameters that Stripe's page documents and the package does not list.
ALSO_KNOWN = {"POST /v1/payment_methods": {"card[token]"}}

WRAPPERS = (typing_extensions.NotRequired, typing_extensions.Required, typing.ClassVar)


class Namespace:
    """Resolves names of annotations, which modules of the package import for type checkers alone."""

    def __init__(self):
        self.modules = {}

    def of(self, module_name):
        if module_name not in self.modules:
            module = importlib.import_module(module_name)
            names = dict(vars(typing)) | dict(vars(typing_extensions)) | dict(vars(module))
            with open(module.__file__) as source:
                text = source.read()
            checking = text.split("if TYPE_CHECKING:", 1)
            if len(checking) == 2:
                block = re.match(r"(?:\n(?: {4}.*)?)*", checking[1]).group()
                for line in re.findall(r"from ([\w.]+) import (?:\(([^)]*)\)|(.*))", block):
                    for item in re.split(r",", line[1] or line[2]):
                        if not item.strip():
                            continue
                        name, _, alias = item.strip().partition(" as ")
                        names[alias or name] = getattr(importlib.import_module(line[0]), name)
            self.modules[module_name] = names
        return self.modules[module_name]

    def resolve(self, annotation, owner):
        while True:
            if isinstance(annotation, typing.ForwardRef):
                annotation = annotation.__forward_arg__
            if isinstance(annotation, str):
                scope = dict(self.of(owner.__module__))
                for part in range(1, len(owner.__qualname__.split(".")) + 1):
                    outer = scope_of(owner, part)
                    if outer is not None:
                        scope.update(vars(outer))
                annotation = eval(annotation, scope)
                continue
            if typing.get_origin(annotation) in WRAPPERS:
                annotation = typing.get_args(annotation)[0]
                continue
            return annotation


def scope_of(owner, depth):
    scope = sys.modules[owner.__module__]
    for name in owner.__qualname__.split(".")[:depth]:
        scope = getattr(scope, name, None)
    return scope


NAMES = Namespace()
UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))


def members(owner):
    """The annotated members of a class and its bases, with the class that declares each."""
    found = {}
    for base in reversed(owner.__mro__ if hasattr(owner, "__mro__") else (owner,)):
        if base.__module__.startswith("stripe") and base.__name__ not in ("StripeObject", "RequestOptions"):
            for name, annotation in vars(base).get("__annotations__", {}).items():
                if typing.get_origin(annotation) is not typing.ClassVar and not name.startswith("_"):
                    found[name.removesuffix("_")] = (annotation, base)
    # A TypedDict has no bases at run time.
    return found


def options(annotation, owner):
    annotation = NAMES.resolve(annotation, owner)
    if typing.get_origin(annotation) in UNIONS:
        for argument in typing.get_args(annotation):
            yield from options(argument, owner)
    else:
        yield annotation


def literals(choices):
    return {value for choice in choices if typing.get_origin(choice) is typing.Literal for value in typing.get_args(choice)}


# Values of requests, which are all text.


def tree(fields):
    root = {}
    for name, value in fields:
        keys = [name.split("[", 1)[0]] + re.findall(r"\[([^\]]*)\]", name)
        node = root
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                return None
        if keys[-1] in node:
            return None
        node[keys[-1]] = value
    return root


def request_faults(value, annotation, owner, path):
    choices = list(options(annotation, owner))
    known = literals(choices)
    if isinstance(value, str):
        # `Literal[…]|str` is a set that Stripe extends: a value outside of it is a fault here.
        if value in known or any(choice is str for choice in choices) and not known - {""}:
            return []
        for choice in choices:
            if choice is bool and value in ("true", "false"):
                return []
            if choice is int and re.fullmatch(r"-?\d+", value):
                return []
            if choice is float and re.fullmatch(r"-?\d+(\.\d+)?", value):
                return []
            if getattr(choice, "__name__", "") == "Decimal" and re.fullmatch(r"-?\d+(\.\d+)?", value):
                return []
        return [f"{path}: {value!r} is not one of {describe(choices)}"]
    for choice in choices:
        origin = typing.get_origin(choice)
        if origin in (dict, typing.Dict):
            return [fault for key in value for fault in request_faults(value[key], typing.get_args(choice)[1], owner, f"{path}[{key}]")]
        if origin in (list, typing.List) and all(re.fullmatch(r"\d*", key) for key in value):
            element = typing.get_args(choice)[0]
            return [fault for key in value for fault in request_faults(value[key], element, owner, f"{path}[{key}]")]
        if typing_extensions.is_typeddict(choice):
            return dictionary_faults(value, choice, path)
    return [f"{path}: an object is not one of {describe(choices)}"]


def dictionary_faults(value, params, path, also=frozenset()):
    faults = []
    known = params.__annotations__
    for key, member in value.items():
        name = key if key in known else f"{key}_"
        label = f"{path}[{key}]" if "/" not in path else f"{path} {key}"
        if label.split(" ")[-1] in also or key in also:
            continue
        if name not in known:
            faults.append(f"{label}: unknown parameter")
        else:
            faults += request_faults(member, known[name], params, label)
    for name in getattr(params, "__required_keys__", ()):
        annotation = known[name]
        text = annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else str(annotation)
        if "NotRequired" not in text and name.removesuffix("_") not in value and name not in OPTIONS:
            faults.append(f"{path}: {name} is missing")
    return faults


OPTIONS = {"idempotency_key", "api_key", "stripe_version", "stripe_account", "stripe_context", "headers", "max_network_retries"}


def describe(choices):
    return ", ".join(sorted(getattr(choice, "__name__", None) or str(choice) for choice in choices))[:200]


# Objects.


def object_faults(value, owner, path):
    faults = []
    known = members(owner)
    for name, (annotation, base) in known.items():
        choices = list(options(annotation, base))
        isRequired = type(None) not in choices
        if name not in value:
            if isRequired:
                faults.append(f"{path}.{name} is missing")
        else:
            faults += value_faults(value[name], choices, base, f"{path}.{name}")
    for name in value:
        if name not in known:
            faults.append(f"{path}.{name}: unknown member")
    return faults


def value_faults(value, choices, owner, path):
    if value is None:
        return [] if type(None) in choices else [f"{path} is null"]
    known = literals(choices)
    if isinstance(value, str):
        if value in known or any(choice is str for choice in choices) and not known:
            return []
        if any(getattr(choice, "__name__", "") == "Decimal" for choice in choices):
            return []
        return [f"{path}: {value!r} is not one of {sorted(map(str, known))[:12] or describe(choices)}"]
    if isinstance(value, bool):
        return [] if bool in choices or value in known or typing.Any in choices else [f"{path} is a bool"]
    if isinstance(value, (int, float)):
        fits = int in choices and isinstance(value, int) or float in choices or typing.Any in choices
        return [] if fits else [f"{path} is a number"]
    for choice in choices:
        origin = typing.get_origin(choice)
        arguments = typing.get_args(choice)
        if isinstance(value, list):
            if origin in (list, typing.List):
                element = list(options(arguments[0], owner))
                return [fault for index, item in enumerate(value) for fault in value_faults(item, element, owner, f"{path}[{index}]")]
        elif origin is not None and getattr(origin, "__name__", "") == "ListObject":
            return list_faults(value, list(options(arguments[0], owner)), owner, path)
        elif origin is not None and getattr(origin, "__name__", "") == "UntypedStripeObject" or choice is typing.Any:
            return []
        elif isinstance(choice, type) and issubclass(choice, stripe.StripeObject):
            named = getattr(choice, "OBJECT_NAME", None)
            if named is None or value.get("object") == named:
                return object_faults(value, choice, path)
    return [f"{path}: {type(value).__name__} is not one of {describe(choices)}"]


def list_faults(value, element, owner, path):
    faults = [f"{path}.{name} is missing" for name in ("data", "has_more", "url", "object") if name not in value]
    for index, item in enumerate(value.get("data", [])):
        faults += value_faults(item, element, owner, f"{path}.data[{index}]") if element else any_faults(item, f"{path}.data[{index}]")
    return faults


def any_faults(value, path):
    if value.get("deleted") is True:
        return [] if set(value) == {"id", "object", "deleted"} else [f"{path}: members of a deletion"]
    name = value.get("object")
    if name == "list":
        return list_faults(value, None, None, path)
    if name not in OBJECT_CLASSES:
        return [f"{path}: unknown object {name!r}"]
    module, class_name = OBJECT_CLASSES[name]
    owner = getattr(importlib.import_module(module), class_name)
    faults = object_faults(value, owner, name)
    if name == "event":
        faults += any_faults(value["data"]["object"], f"event {value.get('type')}")
    return faults


def error_faults(body, path):
    error = body.get("error")
    if not isinstance(error, dict):
        return [f"{path}: no error"]
    faults = object_faults_of_error(error, path)
    if isinstance(error.get("payment_intent"), dict):
        faults += any_faults(error["payment_intent"], path)
    return faults


def object_faults_of_error(error, path):
    known = set(members(stripe.ErrorObject)) | {"request_log_url"}
    faults = [f"{path} error.{name}: unknown member" for name in error if name not in known]
    if error.get("type") not in ("api_error", "card_error", "idempotency_error", "invalid_request_error"):
        faults.append(f"{path} error.type: {error.get('type')!r}")
    if not isinstance(error.get("message"), str):
        faults.append(f"{path} error.message is missing")
    return faults


def exchange_faults(exchange):
    route = f"{exchange['method']} {exchange['route']}"
    if route not in PARAMS:
        return [f"{route}: no parameters are known"]
    *package, name = PARAMS[route].split(".")
    module = importlib.import_module(".".join(["stripe", "params", *package]))
    params = getattr(module, name)
    form = tree(exchange["form"])
    faults = [f"{route}: the fields contradict one another"] if form is None else dictionary_faults(form, params, route, ALSO_KNOWN.get(route, set()))
    body = exchange.get("body")
    if body is not None and exchange["status"] // 100 == 2:
        faults += any_faults(body, route)
    elif body is not None:
        faults += error_faults(body, route)
    return faults


def main():
    seen = set()
    for line in open(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin:
        exchange = json.loads(line)
        faults = any_faults(exchange["object"], "event") if "object" in exchange else exchange_faults(exchange)
        for fault in faults:
            if fault not in seen:
                seen.add(fault)
                print(fault)


if __name__ == "__main__":
    main()
