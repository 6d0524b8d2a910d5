import Modules

extension ResourceField {
    /// The column's value for a value of a client, which fits ``schema``.
    /// - Parameter currency: of the row, for amounts.
    /// - Throws: `validation-failed` for what the schema does not express.
    func stored(_ value: JSONValue, currency: Currency) throws(Problem) -> SQL.Value {
        func invalid(_ detail: String) -> Problem { Problem.invalid("/\(name)", detail) }
        switch (form, value) {
        case (_, .null):
            guard !isRequired else { throw invalid("must not be null") }
            return try (fallback ?? .null) == .null ? .null : stored(fallback ?? .null, currency: currency)
        case (.boolean, .bool(let value)): return .integer(value ? 1 : 0)
        case (.date, .string(let text)):
            guard let date = CalendarDate(text) else { throw invalid("must be a date such as 2026-03-01") }
            return date.sqlValue
        case (.time, .string(let text)):
            guard text.wholeMatch(of: /([01][0-9]|2[0-3]):[0-5][0-9]/) != nil else {
                throw invalid("must be a time such as 18:30")
            }
            return .text(text)
        case (.amount, _):
            return .integer(try AmountReader.price(value, currency, at: "/\(name)").minorUnits)
        case (.currency, .string(let text)):
            guard let currency = Currency(text), currency.isListed else {
                throw invalid("must be a code of ISO 4217, such as eur")
            }
            return .text(currency.code)
        case (.json, _):
            try FreeForm.check(value, at: "/\(name)")
            return .text(try StoredJSON.text(value))
        case (.texts, .array(let texts)):
            let keys = texts.compactMap(\.string).map { $0.lowercased() }
            return .text(try StoredJSON.text(keys))
        case (.webAddresses, .array(let texts)):
            return .text(try StoredJSON.text(try WebAddress.checked(texts.compactMap(\.string), at: "/\(name)")))
        case (.webAddress, .string(let text)):
            guard WebAddress.isValid(text) else { throw invalid("must be an http or https URL") }
            return .text(text)
        case (.id, .string(let text)): return .text(text.lowercased())
        case (_, .string(let text)): return .text(text)
        default:
            guard let number = value.integer else { throw invalid("has the wrong type") }
            return .integer(number)
        }
    }

    /// The members of a row in JSON that this field makes: an amount has three with its currency.
    func members(of row: Row) throws -> [(name: String, value: JSONValue)] {
        guard let column else {
            let average = Rating.rounded(sum: try row["rating_sum"], count: try row["rating_count"])
            return [(name, .decimal(average.description))]
        }
        let value: SQL.Value = try row[column]
        switch (form, value) {
        case (_, .null): return []
        case (.amount, .integer(let minor)):
            let money = Money(minor, try row.currency("currency"))
            return [(name, .decimal(money.major.description)), ("\(name)_minor", .integer(minor))]
        case (.boolean, .integer(let number)): return [(name, .bool(number != 0))]
        case (.instant, .integer(let number)): return [(name, .string(Instant(microseconds: number).description))]
        case (.json, .text(let text)), (.texts, .text(let text)), (.webAddresses, .text(let text)):
            return [(name, try StoredJSON.value(text))]
        case (_, .integer(let number)): return [(name, .integer(number))]
        case (_, .text(let text)): return [(name, .string(text))]
        case (_, .real(let number)): return [(name, .number(number))]
        }
    }

    /// The value of a filter in the query.
    /// - Throws: `validation-failed` for text that the field cannot hold.
    func filter(_ text: String) throws(Problem) -> SQL.Value {
        func invalid(_ detail: String) -> Problem { Problem.invalid("/query/\(name)", detail) }
        switch form {
        case .integer, .averageRating, .instant:
            guard let number = Int64(text) else { throw invalid("must be a whole number") }
            return .integer(number)
        case .boolean:
            guard ["true", "1", "false", "0"].contains(text) else { throw invalid("must be true or false") }
            return .integer(text == "true" || text == "1" ? 1 : 0)
        case .choice(let values):
            guard values.contains(text) else { throw invalid("must be one of: \(values.joined(separator: ", "))") }
            return .text(text)
        case .id:
            guard UUIDText.isCanonical(text) else { throw invalid("must be an id") }
            return .text(text.lowercased())
        default:
            guard text.unicodeScalars.count <= 255, !text.hasNUL else { throw invalid("is too long") }
            return .text(text)
        }
    }
}
