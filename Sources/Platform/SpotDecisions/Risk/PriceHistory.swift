package import Base

/// The price of a pool from a time on.
package struct PricePoint: Sendable, Hashable {
    package let time: Instant
    /// Millionths of a US dollar an hour, more than 0.
    package let price: Int64

    package init(time: Instant, price: Int64) {
        self.time = time
        self.price = price
    }
}

/// Changes of spot prices by pool, checked.
package struct PriceHistory: Sendable {
    /// In the order of time.
    package let prices: [SpotPool: [PricePoint]]

    package static let header = "timestamp,instance_type,availability_zone,price_usd"
    package static let pointsMax = 2_000_000
    package static let bytesMax = 256 << 20
    /// AWS repeats an unchanged price about once a day.
    package static let gapMax = Duration.hours(48)

    /// - Parameter now: prices after it are refused.
    /// - Throws: ``PriceFault``.
    package init(_ prices: [SpotPool: [PricePoint]], now: Instant) throws(PriceFault) {
        guard prices.values.contains(where: { !$0.isEmpty }) else { throw .empty }
        guard prices.values.reduce(0, { $0 + $1.count }) <= Self.pointsMax else { throw .tooLarge }
        var sorted: [SpotPool: [PricePoint]] = [:]
        for (pool, points) in prices where !points.isEmpty {
            let points = points.sorted { $0.time < $1.time }
            if let last = points.last, last.time > now { throw .future(pool, last.time) }
            for (previous, next) in zip(points, points.dropFirst()) {
                guard previous.time < next.time else { throw .duplicate(pool, next.time) }
                guard next.time - previous.time <= Self.gapMax else {
                    throw .gap(pool, from: previous.time, to: next.time)
                }
            }
            sorted[pool] = points
        }
        self.prices = sorted
    }

    /// Reads a CSV file with the columns of ``header``: times in UTC as `2021-03-02T01:39:35Z`, prices in US dollars an
    /// hour. Rows may be in any order.
    /// - Throws: ``PriceFault``.
    package init(csv bytes: [UInt8], now: Instant) throws(PriceFault) {
        guard bytes.count <= Self.bytesMax else { throw .tooLarge }
        var rows = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
        guard let first = rows.popFirst(), Self.text(first) == Self.header else { throw .notPriceList }
        if rows.last?.isEmpty == true { rows.removeLast() }
        guard rows.count <= Self.pointsMax else { throw .tooLarge }
        var prices: [SpotPool: [PricePoint]] = [:]
        for (index, row) in rows.enumerated() {
            let (pool, point) = try Self.point(row, line: index + 2)
            prices[pool, default: []].append(point)
        }
        try self.init(prices, now: now)
    }

    private static func point(_ row: ArraySlice<UInt8>, line: Int) throws(PriceFault) -> (SpotPool, PricePoint) {
        guard let text = text(row) else { throw .invalidRow(line: line, reason: "it is not UTF-8") }
        let fields = text.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count == 4 else {
            throw .invalidRow(line: line, reason: "it has \(fields.count) fields instead of 4")
        }
        guard let time = Instant(String(fields[0])) else {
            throw .invalidRow(line: line, reason: "the timestamp is not one such as 2021-03-02T01:39:35Z")
        }
        guard fields[1].contains("."), isName(fields[1]), isName(fields[2]) else {
            throw .invalidRow(line: line, reason: "the instance type or the availability zone is not one of AWS")
        }
        guard let price = Dollars.microdollars(fields[3]), price > 0 else {
            throw .invalidRow(line: line, reason: "the price is not a number above 0 with at most six decimals")
        }
        return (SpotPool(String(fields[1]), String(fields[2])), PricePoint(time: time, price: price))
    }

    /// Without the carriage return that some programs write.
    private static func text(_ row: ArraySlice<UInt8>) -> String? {
        String(validating: row.last == UInt8(ascii: "\r") ? row.dropLast() : row, as: UTF8.self)
    }

    private static func isName(_ text: Substring) -> Bool {
        (3...32).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
            }
    }
}
