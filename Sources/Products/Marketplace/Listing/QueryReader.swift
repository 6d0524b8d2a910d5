import Modules

/// Reads the parameters of a query one by one; the first fault is thrown.
struct QueryReader {
    let query: Query

    func text(_ name: String, upTo length: Int = 100) throws(Problem) -> String? {
        guard let text = query[name], !text.isEmpty else { return nil }
        guard text.unicodeScalars.count <= length, !text.hasNUL else {
            throw Problem.invalid("/query/\(name)", "must have at most \(length) characters, and no NUL")
        }
        return text
    }

    func integer(_ name: String, _ range: ClosedRange<Int64>) throws(Problem) -> Int64? {
        guard let text = query[name] else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw Problem.invalid(
                "/query/\(name)", "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func decimal(_ name: String) throws(Problem) -> DecimalNumber? {
        guard let text = query[name] else { return nil }
        guard let number = DecimalNumber(text), number.units >= 0 else {
            throw Problem.invalid("/query/\(name)", "must be a number of at most 18 digits that is not negative")
        }
        return number
    }

    func currency(_ name: String) throws(Problem) -> Currency? {
        guard let text = query[name] else { return nil }
        guard let currency = Currency(text) else {
            throw Problem.invalid("/query/\(name)", "must be a currency code of three letters")
        }
        return currency
    }

    func choice(_ name: String, of values: [String]) throws(Problem) -> String? {
        guard let text = query[name] else { return nil }
        guard values.contains(text) else {
            throw Problem.invalid("/query/\(name)", "must be one of: \(values.joined(separator: ", "))")
        }
        return text
    }

    /// The bounds of a price, in minor units of the named currency; amounts of other currencies are not compared.
    func prices(currency name: String = "currency") throws(Problem) -> PriceRange? {
        let (low, high) = (try decimal("min_price"), try decimal("max_price"))
        let named = try currency(name)
        guard low != nil || high != nil || named != nil else { return nil }
        let currency = named ?? .usual
        func minor(_ number: DecimalNumber?, _ parameter: String) throws(Problem) -> Int64? {
            guard let number else { return nil }
            guard number.fractionDigits <= currency.fractionDigits else {
                throw Problem.invalid(
                    "/query/\(parameter)", "must have at most \(currency.fractionDigits) decimals")
            }
            guard let money = Money(major: number, currency) else {
                throw Problem.invalid("/query/\(parameter)", "is too large")
            }
            return money.minorUnits
        }
        return PriceRange(
            currency: currency, low: try minor(low, "min_price"), high: try minor(high, "max_price"))
    }
}

/// Bounds of a price in one currency.
struct PriceRange: Sendable {
    let currency: Currency
    let low: Int64?
    let high: Int64?

    /// The condition of rows with the columns `price_minor` and `currency`.
    var condition: SQL {
        var condition: SQL = "currency = \(currency.code)"
        if let low { condition = condition + " AND price_minor >= \(low)" }
        if let high { condition = condition + " AND price_minor <= \(high)" }
        return condition
    }
}

extension Schema.Object {
    /// The parameters of a query as OpenAPI writes them: an object whose members are parameters of their own.
    static func parameters(_ list: (name: String, schema: Schema)...) -> Schema.Object {
        Schema.Object(properties: list.map { .init(name: $0.name, schema: $0.schema, isRequired: false) })
    }
}
