import Base
import Testing

@Suite struct RandomBufferTests {
    @Test(arguments: [0, 1, 10, 63, 64, 65, 255, 256, 257, 1_000])
    func `the requested number of bytes is returned`(_ count: Int) {
        #expect((0..<20).allSatisfy { _ in Runtime.system.randomBytes(count).count == count })
    }

    @Test func `no bytes are returned twice`() async {
        let drawn = await withTaskGroup(of: [[UInt8]].self) { group in
            for _ in 0..<8 { group.addTask { (0..<1_000).map { Runtime.system.randomBytes(8 + $0 % 57) } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        // Eight equal bytes occur by chance once in 10^12 runs.
        #expect(Set(drawn.map { Array($0.prefix(8)) }).count == 8_000)
        // Overwritten bytes would be zeros.
        #expect(drawn.allSatisfy { bytes in !bytes.suffix(8).allSatisfy { $0 == 0 } })
    }

    @Test func `every bit is set in about half of the bytes`() {
        var set = [Int](repeating: 0, count: 8)
        let draws = 4_000
        for _ in 0..<draws {
            for byte in Runtime.system.randomBytes(10) {
                for bit in 0..<8 where byte & (1 << bit) != 0 { set[bit] += 1 }
            }
        }
        // A binomial distribution of 40,000 trials: ten standard deviations are 1,000.
        #expect(set.allSatisfy { abs($0 - draws * 10 / 2) < 1_000 })
    }
}
