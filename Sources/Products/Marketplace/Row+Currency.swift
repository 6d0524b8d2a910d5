import Modules

extension Row {
    /// A currency that this module has stored.
    func currency(_ column: String) throws -> Currency {
        let text: String = try read(column)
        guard let currency = Currency(text) else {
            throw UnreadableColumn(column: column, value: .text(text), type: "Currency")
        }
        return currency
    }
}
