package import Base

/// A page of a list.
package struct StripeList<Element: StripeObject>: Sendable {
    package let elements: [Element]
    package let hasMore: Bool
    /// The ids of the newest and the oldest element of the page, by which the pages beside it are read.
    package let firstID: String?
    package let lastID: String?

    package init(_ value: JSONValue) throws(StripeObjectFault) {
        let reader = try StripeReader(value, "list")
        hasMore = try reader.bool("has_more")
        let data = try reader.require(reader["data"]?.array, "data")
        firstID = data.first?["id"]?.string
        lastID = data.last?["id"]?.string
        var elements: [Element] = []
        for element in data { elements.append(try Element(element)) }
        self.elements = elements
    }

    init(_ elements: [Element], hasMore: Bool, firstID: String?, lastID: String?) {
        self.elements = elements
        self.hasMore = hasMore
        self.firstID = firstID
        self.lastID = lastID
    }
}

/// What of a list a request asks for. Lists are sorted from the newest to the oldest.
package struct StripePage: Sendable, Hashable {
    /// 1 to 100 elements.
    package var limit: Int64
    /// Older elements than the one with this id.
    package var startingAfter: String?
    /// Newer elements than the one with this id: the ones next to it.
    package var endingBefore: String?

    package init(limit: Int64 = 100, startingAfter: String? = nil, endingBefore: String? = nil) {
        self.limit = min(max(limit, 1), 100)
        self.startingAfter = startingAfter
        self.endingBefore = endingBefore
    }
}

/// Bounds of the time at which objects were made. Stripe compares whole seconds.
package struct StripeTimeRange: Sendable, Hashable {
    package var from: Instant?
    package var before: Instant?

    package init(from: Instant? = nil, before: Instant? = nil) {
        self.from = from
        self.before = before
    }
}

extension StripeForm {
    mutating func set(_ page: StripePage) {
        set("limit", page.limit)
        set("starting_after", page.startingAfter)
        set("ending_before", page.endingBefore)
    }

    mutating func set(_ created: StripeTimeRange?) {
        set("created[gte]", created?.from)
        set("created[lt]", created?.before)
    }
}
