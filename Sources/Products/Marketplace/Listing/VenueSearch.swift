import Modules

/// What venues are looked for. Every condition is a part of the statement that pages and counts.
struct VenueSearch: Sendable {
    enum Order: String, CaseIterable { case newest, rating, capacity }

    let condition: SQL
    let order: SQL

    init(_ reader: QueryReader) throws(Problem) {
        var condition: SQL = "1 = 1"
        if let city = try reader.text("city") { condition = condition + " AND LOWER(city) = LOWER(\(city))" }
        if let kind = try reader.text("venue_type") {
            condition = condition + " AND LOWER(venue_type) = LOWER(\(kind))"
        }
        let guests = 0...MarketplaceLimits.guestsMax
        if let low = try reader.integer("min_capacity", guests) { condition = condition + " AND capacity >= \(low)" }
        if let high = try reader.integer("max_capacity", guests) { condition = condition + " AND capacity <= \(high)" }
        if let prices = try reader.prices() { condition = condition + " AND " + prices.condition }
        if let amenities = try reader.text("amenities", upTo: 500) {
            // Each is an element of the stored JSON array, in quotation marks.
            for amenity in amenities.split(separator: ",").map({ $0.lowercased().trimmed }) where !amenity.isEmpty {
                let pattern = LikePattern(containing: "\"\(amenity)\"")
                condition = condition + " AND amenities LIKE \(pattern) ESCAPE '\\'"
            }
        }
        if let rating = try reader.decimal("min_rating") {
            guard let hundredths = rating.units(fractionDigits: 2), hundredths <= 500 else {
                throw Problem.invalid("/query/min_rating", "must be at most 5, with two decimals")
            }
            condition =
                condition + " AND rating_count > 0 AND rating_sum * 100 >= \(hundredths) * rating_count"
        }
        if let status = try reader.choice("status", of: VendorStatus.allCases.map(\.rawValue)) {
            condition = condition + " AND status = \(status)"
        }
        self.condition = condition
        order =
            switch try reader.choice("sort_by", of: Order.allCases.map(\.rawValue)).flatMap({ Order(rawValue: $0) }) {
            case .rating: "\(Rating.average) DESC, rating_count DESC, id DESC"
            case .capacity: "capacity DESC, id DESC"
            case .newest, nil: "created_at DESC, id DESC"
            }
    }
}

/// The parameters of ``VenueSearch``.
struct VenueSearchQuery: Requirement {
    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        let text = Schema.string(maxLength: 100)
        return RequirementSummary(
            .query, "filters",
            schema: .object(
                .parameters(
                    ("city", text), ("venue_type", text), ("min_capacity", .integer(minimum: 0)),
                    ("max_capacity", .integer(minimum: 0)), ("min_price", .number(minimum: 0)),
                    ("max_price", .number(minimum: 0)), ("currency", .string(minLength: 3, maxLength: 3)),
                    ("amenities", .string(maxLength: 500)), ("min_rating", .number(minimum: 0, maximum: 5)),
                    ("status", .enumeration(VendorStatus.allCases.map(\.rawValue))),
                    ("sort_by", .enumeration(VenueSearch.Order.allCases.map(\.rawValue))))),
            isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> VenueSearch { try VenueSearch(QueryReader(query: request.query)) }
}

extension String {
    /// Without white space at its ends.
    var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
