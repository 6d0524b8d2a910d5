import Modules

extension Row {
    /// A currency that this module has stored.
    func currency(_ column: String) throws -> Currency {
        guard let currency = Currency(try read(column, as: String.self)) else { throw Problem(.internalError) }
        return currency
    }
}
