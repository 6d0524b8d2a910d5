import Foundation
import Synchronization

/// Random bytes of the system's source, some of them in stock: to ask for ten takes the kernel as long as to ask for 256, and every request wants ten.
///
/// What was handed out is wiped here, so that nothing of it can be found in memory later on. Processes are started, never forked: no two have the same stock.
final class RandomStock: Sendable {
    /// What one call of the system gives.
    private static let stockBytes = 256

    private struct Stock {
        var bytes = [UInt8](repeating: 0, count: stockBytes)
        var left = 0
    }

    private let stock = Mutex(Stock())

    @Sendable func take(_ count: Int) -> [UInt8] {
        guard count <= Self.stockBytes / 4 else { return Self.fresh(count) }
        return stock.withLock { stock in
            if stock.left < count { (stock.bytes, stock.left) = (Self.fresh(Self.stockBytes), Self.stockBytes) }
            let taken = stock.left - count..<stock.left
            defer {
                for place in taken { stock.bytes[place] = 0 }
                stock.left -= count
            }
            return Array(stock.bytes[taken])
        }
    }

    private static func fresh(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
            // It fails where memory does.
            while filled < count {
                let some = min(count - filled, stockBytes)
                guard getentropy(bytes.baseAddress.map { $0 + filled }, some) == 0 else {
                    preconditionFailure("the system has no random bytes")
                }
                filled += some
            }
        }
    }
}
