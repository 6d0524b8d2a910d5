import AWS
import Base
import Foundation
import TestKit
import Testing

/// Real prices of us-east-1, in pages of up to a thousand.
@Suite(.enabled(if: TestAWS.isAvailable, "moto is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."))
struct SpotPriceHistoryTests {
    private static let start = Instant("2021-03-01T00:00:00Z")!
    private static let end = Instant("2021-06-01T00:00:00Z")!

    /// The rows of the file that the server reads.
    private static func rows() throws -> [SpotPrice] {
        let lines = try String(contentsOf: TestAWS.pricesFile, encoding: .utf8).split(separator: "\n").dropFirst()
        return try lines.map { line in
            let fields = line.split(separator: ",")
            return SpotPrice(
                instanceType: String(fields[1]), availabilityZone: String(fields[2]), product: "Linux/UNIX",
                time: try #require(Instant(String(fields[0]))),
                microdollars: try #require(SpotPrice.microdollars(fields[3])))
        }
    }

    @Test func `all pages are read, the latest price first`() async throws {
        try await AWSFixture.with { aws in
            let found = try await aws.ec2.spotPrices(SpotPriceQuery(from: Self.start, to: Self.end))
            let rows = try Self.rows()
            #expect(rows.count == 1_811)
            #expect(found.isComplete)
            #expect(Set(found.prices) == Set(rows))
            #expect(found.prices.count == rows.count)
            #expect(zip(found.prices, found.prices.dropFirst()).allSatisfy { $0.time >= $1.time })
            let requests = try await aws.account.requests()
            #expect(requests.map { $0["NextToken"] } == [nil, "page-1000"])
            #expect(requests.allSatisfy { $0["MaxResults"] == "1000" && $0["ProductDescription.1"] == "Linux/UNIX" })
        }
    }

    @Test func `types, zones and times are those of the query, with the price in force at its start`() async throws {
        try await AWSFixture.with { aws in
            let start = try #require(Instant("2021-04-10T00:00:00Z"))
            let end = try #require(Instant("2021-04-12T00:00:00Z"))
            let zones = ["us-east-1a", "us-east-1b"]
            let found = try await aws.ec2.spotPrices(
                SpotPriceQuery(
                    instanceTypes: ["c5.large", "p2.16xlarge"], availabilityZones: zones, from: start, to: end))
            let pools = Dictionary(grouping: found.prices) { "\($0.instanceType) \($0.availabilityZone)" }
            #expect(Set(pools.keys) == ["c5.large us-east-1a", "c5.large us-east-1b", "p2.16xlarge us-east-1b"])
            #expect(pools.values.allSatisfy { prices in prices.filter { $0.time < start }.count == 1 })
            #expect(found.prices.allSatisfy { $0.time <= end })
        }
    }

    @Test func `a bounded query ends with the page that reaches the bound, and says so`() async throws {
        try await AWSFixture.with { aws in
            let found = try await aws.ec2.spotPrices(SpotPriceQuery(from: Self.start, to: Self.end, pricesMax: 300))
            #expect(found.prices.count == 300)
            #expect(!found.isComplete)
            let actions = try await aws.actions()
            #expect(actions == ["DescribeSpotPriceHistory": 1])
        }
    }

    @Test(arguments: [
        ("<item><instanceType>a</instanceType></item>", ""), ("", "<nextToken>again</nextToken>"),
        (
            """
            <item><instanceType>a</instanceType><availabilityZone>b</availabilityZone><spotPrice>0.1</spotPrice>
            <timestamp>yesterday</timestamp></item>
            """, ""
        ),
    ])
    func `rows that cannot be read and pages without an end are an error`(_ rows: String, _ token: String) async throws
    {
        try await AWSFixture.with { aws in
            let list = "<spotPriceHistorySet>\(rows)</spotPriceHistorySet>"
            try await aws.account.fail(.response(200, "<Response>\(list)\(token)</Response>", count: 2))
            let error = await awsError {
                try await aws.ec2.spotPrices(SpotPriceQuery(from: Self.start, to: Self.end))
            }
            #expect(error?.kind == .unreadable)
        }
    }
}
