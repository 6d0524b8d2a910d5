/// xoshiro256**, seeded through SplitMix64: the same seed gives the same numbers on every machine and in every version.
///
/// Blackman and Vigna, https://prng.di.unimi.it. Implemented here because the algorithms of the standard library's
/// shuffle and ranges may change between releases.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    /// Any seed is valid, 0 too.
    package init(seed: UInt64) {
        var state = seed
        func splitMix() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
        a = splitMix()
        b = splitMix()
        c = splitMix()
        d = splitMix()
    }

    /// 64 random bits.
    package mutating func next() -> UInt64 {
        let product = b &* 5
        let result = ((product << 7) | (product >> 57)) &* 9
        let shifted = b << 17
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = (d << 45) | (d >> 19)
        return result
    }

    /// An integer in `0 ..< bound`, without bias (Lemire's multiplication). `bound` is at least 1.
    package mutating func number(below bound: Int) -> Int {
        precondition(bound >= 1, "A random number needs a bound of at least 1.")
        let range = UInt64(bound)
        var product = next().multipliedFullWidth(by: range)
        if product.low < range {
            let threshold = (0 &- range) % range
            while product.low < threshold { product = next().multipliedFullWidth(by: range) }
        }
        return Int(product.high)
    }

    /// A number in `0 ..< 1` with 53 random bits.
    package mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Shuffles in place (Fisher and Yates).
    package mutating func shuffle<Element>(_ elements: inout [Element]) {
        elements.withUnsafeMutableBufferPointer { buffer in
            var last = buffer.count - 1
            while last > 0 {
                buffer.swapAt(last, number(below: last + 1))
                last -= 1
            }
        }
    }
}
