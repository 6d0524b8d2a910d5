import Modules

/// Which services of the catalogue are looked for, and which offers of approved providers.
struct ServiceSearch: Sendable {
    /// Of the catalogue.
    let condition: SQL
    /// Of the offers, whose table is `offers` and whose providers' is `providers`. Nil where every service is wanted,
    /// also one without an offer.
    let offers: SQL?

    init(_ reader: QueryReader) throws(Problem) {
        var condition: SQL = "1 = 1"
        let category = try reader.text("category")
        if let kind = try reader.text("service_type") ?? category {
            condition = condition + " AND (LOWER(category) = LOWER(\(kind)) OR LOWER(name) = LOWER(\(kind)))"
        }
        if let name = try reader.text("name") { condition = condition + " AND name = \(name)" }
        var offers: [SQL] = []
        if let city = try reader.text("city") {
            let area = LikePattern(containing: "\"\(city.lowercased())\"")
            offers.append(
                """
                (LOWER(providers.location_city) = LOWER(\(city)) OR providers.service_area LIKE \(area) ESCAPE '\\')
                """)
        }
        if let prices = try reader.prices() {
            offers.append(
                "offers.id IN (SELECT id FROM marketplace_provider_services WHERE \(prices.condition))")
        }
        if let rating = try reader.decimal("min_rating") {
            guard let hundredths = rating.units(fractionDigits: 2), hundredths <= 500 else {
                throw Problem.invalid("/query/min_rating", "must be at most 5, with two decimals")
            }
            offers.append(
                """
                providers.rating_count > 0
                    AND providers.rating_sum * 100 >= \(hundredths) * providers.rating_count
                """)
        }
        self.condition = condition
        self.offers = offers.isEmpty ? nil : offers.dropFirst().reduce(offers[0]) { $0 + " AND " + $1 }
    }
}

/// The parameters of ``ServiceSearch``.
struct ServiceSearchQuery: Requirement {
    var phase: RequestPhase { .body }
    var problems: [Problem.Kind] { [.validationFailed] }
    var summary: RequirementSummary {
        let text = Schema.string(maxLength: 100)
        return RequirementSummary(
            .query, "filters",
            schema: .object(
                .parameters(
                    ("service_type", text), ("category", text), ("name", text), ("city", text),
                    ("min_price", .number(minimum: 0)), ("max_price", .number(minimum: 0)),
                    ("currency", .string(minLength: 3, maxLength: 3)),
                    ("min_rating", .number(minimum: 0, maximum: 5)))),
            isRequired: false)
    }

    func check(_ request: Request) throws(Problem) -> ServiceSearch {
        try ServiceSearch(QueryReader(query: request.query))
    }
}
