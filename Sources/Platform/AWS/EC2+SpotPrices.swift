package import Base

/// Which prices of the history are requested.
package struct SpotPriceQuery: Sendable, Hashable {
    /// All types where there is none.
    package var instanceTypes: [String]
    /// All zones of the region where there is none.
    package var availabilityZones: [String]
    package var products: [String]
    /// Prices from this time on, and the one before it of each pool, which is in force then.
    package var start: Instant
    package var end: Instant
    /// No further page is requested when there are this many.
    package var pricesMax: Int

    /// - Parameter start: up to 90 days ago, for which AWS keeps the history.
    package init(
        instanceTypes: [String] = [],
        availabilityZones: [String] = [],
        products: [String] = ["Linux/UNIX"],
        from start: Instant,
        to end: Instant,
        pricesMax: Int = 100_000
    ) {
        self.instanceTypes = instanceTypes
        self.availabilityZones = availabilityZones
        self.products = products
        self.start = start
        self.end = end
        self.pricesMax = pricesMax
    }
}

extension EC2 {
    /// The largest page of the history.
    static let spotPricesOfPage = 1_000

    /// Changes of spot prices, in the order of AWS: the latest first. AWS repeats an unchanged price about once a day.
    /// - Returns: the prices, and whether they are all of the query.
    package func spotPrices(_ query: SpotPriceQuery) async throws(AWSError)
        -> (prices: [SpotPrice], isComplete: Bool)
    {
        var request = Self.request("DescribeSpotPriceHistory")
        request.set("InstanceType", list: query.instanceTypes)
        request.set("ProductDescription", list: query.products)
        if !query.availabilityZones.isEmpty {
            request.set([EC2Filter("availability-zone", anyOf: query.availabilityZones)])
        }
        request.set("StartTime", query.start.description)
        request.set("EndTime", query.end.description)
        request.set("MaxResults", String(min(Self.spotPricesOfPage, max(1, query.pricesMax))))
        let found = try await pages(request, "spotPriceHistorySet", itemsMax: query.pricesMax)
        let prices = found.items.compactMap { SpotPrice($0) }
        guard prices.count == found.items.count else { throw .unreadable(request, "spotPriceHistorySet") }
        return (prices, found.isComplete)
    }
}
