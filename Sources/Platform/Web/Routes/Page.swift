/// A page of a list, and its place in the whole.
package struct Page<Item: Payload>: Payload {
    package var data: [Item]
    /// Of all pages.
    package var total: Int64
    package var limit: Int
    package var offset: Int

    package init(data: [Item], total: Int64, limit: Int, offset: Int) {
        self.data = data
        self.total = total
        self.limit = limit
        self.offset = offset
    }

    package static var naming: Naming { Item.naming }
    /// `PaymentView` becomes `PaymentPage`.
    package static var schemaName: String {
        let item = Item.schemaName
        return (item.hasSuffix("View") ? String(item.dropLast(4)) : item) + "Page"
    }

    package var listTotal: Int64? { total }
}
