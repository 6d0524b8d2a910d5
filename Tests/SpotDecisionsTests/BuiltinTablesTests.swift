import Base
import SpotDecisions
import Testing

/// The embedded tables.
@Suite struct BuiltinTablesTests {
    private let tables = BuiltinTables()

    @Test(
        arguments: [
            ("c5.large", "ap-south-1a", 30_240, 96_000, 0.05, 0.45),
            ("m5.large", "ap-south-1b", 38_520, 107_000, 0.05, 0.45),
            ("r5.large", "ap-south-1c", 38_340, 142_000, 0.05, 0.45),
            ("t3.micro", "ap-south-1a", 3_780, 12_000, 0.05, 0.45),
            ("c5.xlarge", "ap-south-1b", 61_200, 170_000, 0.05, 0.30),
            ("c5.4xlarge", "ap-south-1a", 214_200, 680_000, 0.08, 0.45),
            ("c5.12xlarge", "ap-south-1a", 642_600, 2_040_000, 0.12, 0.60),
            ("c5.metal", "us-east-1a", 1_285_200, 4_080_000, 0.18, 0.75),
        ] as [(String, String, Int64, Int64, Double, Double)])
    func `prices, rates and risks follow from type, size and zone`(
        type: String, zone: String, spot: Int64, onDemand: Int64, rate: Double, risk: Double
    ) throws {
        let candidate = try #require(tables.candidate(SpotPool(type, zone)))
        #expect(candidate.spotPrice == spot && candidate.onDemandPrice == onDemand)
        #expect(candidate.interruptRate == rate)
        #expect(tables.risk(of: candidate) == risk)
    }

    @Test func `an unknown type has no candidate`() {
        for type in ["", "c5", "c5.", "c5.huge", "C5.LARGE", "c5.large "] {
            #expect(tables.candidate(SpotPool(type, "ap-south-1a")) == nil)
        }
    }

    @Test func `every type has its size, and the advisor's rate where AWS publishes one`() throws {
        let types = InstanceTypes.embedded
        #expect(types.all.count == 1_253)
        let c5 = try #require(types["c5.large"])
        #expect(c5.hardware == Hardware(vcpus: 2, memoryMiB: 4_096, architecture: .x86))
        #expect(c5.onDemandPrices["ap-south-1"] == 85_000)
        #expect(types["a1.large"]?.hardware.architecture == .arm64)
        #expect(types["a1.large"]?.interruptRate(in: "ap-south-1") == 0.225)
        #expect(c5.interruptRate(in: "eu-west-1") == nil)
        #expect(c5.onDemandPrice(near: "eu-west-1").map { $0.region } == "us-east-1")
        #expect(InstanceType.interruptRates == [0.025, 0.075, 0.125, 0.175, 0.225, 0.25])
    }

    @Test(arguments: [
        "", "type,price\n", "c5.large,2,4,x86_64,0.085,1,0.085,6", "c5.large,0,4,x86_64,,,,", "c5.large,2,4,mips,,,,",
        "c5.large,2,4,x86_64,-1,,,", "c5.large,2,4,x86_64,,,", "c5.large,2,nan,x86_64,,,,",
    ])
    func `a table with a fault is not read`(_ row: String) {
        let header =
            "instance_type,vcpus,memory_gib,arch,ap-south-1 usd,ap-south-1 advisor,us-east-1 usd,us-east-1 advisor"
        let text = row.contains(",2,") || row.contains(",0,") ? "\(header)\n\(row)\n" : row
        #expect(throws: TableFault.self) { try InstanceTypes(Array(text.utf8)) }
    }

    @Test func `a pool has a region and a family`() {
        let pool = SpotPool("c5.large", "us-east-1f")
        #expect(pool.region == "us-east-1" && pool.family == "c5" && pool.description == "c5.large@us-east-1f")
    }
}
