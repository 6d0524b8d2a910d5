import Modules

extension Currency {
    /// The currency of a row, whose constraint allows codes of three letters alone.
    /// - Throws: `internal-error` for another text.
    init(stored code: String) throws {
        guard let currency = Currency(code) else { throw Problem(.internalError, detail: "a row has no currency") }
        self = currency
    }
}
