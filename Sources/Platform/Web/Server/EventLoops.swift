import Foundation
import NIOCore

/// The event loops of the process.
package enum EventLoops {
    /// Sets the number of loops, once and before any is used: at most one for each processor that the process may use.
    ///
    /// SwiftNIO counts the processors of the machine or of the control group. A process that is bound to one of two
    /// processors would otherwise switch between two loops. Without effect where `NIO_SINGLETON_GROUP_LOOP_COUNT` is
    /// set.
    package static func match(processors: Int) {
        guard getenv("NIO_SINGLETON_GROUP_LOOP_COUNT") == nil, processors < System.coreCount else { return }
        NIOSingletons.groupLoopCountSuggestion = processors
    }
}
