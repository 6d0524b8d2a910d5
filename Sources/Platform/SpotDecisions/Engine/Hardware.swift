/// The processor architecture of an instance type. The raw values are AWS's.
package enum Architecture: String, Sendable, Hashable, CaseIterable {
    case x86 = "x86_64"
    case arm64
}

/// What an instance type offers, or a workload needs.
package struct Hardware: Sendable, Hashable {
    /// 1 or more.
    package let vcpus: Int
    package let memoryMiB: Int
    package let architecture: Architecture

    /// - Returns: nil for no processor or no memory.
    package init?(vcpus: Int, memoryMiB: Int, architecture: Architecture) {
        guard vcpus >= 1, memoryMiB >= 1 else { return nil }
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.architecture = architecture
    }

    /// Whether an instance of this size can run what needs `needs`; the architecture is not compared.
    func isLargeEnough(for needs: Hardware) -> Bool { vcpus >= needs.vcpus && memoryMiB >= needs.memoryMiB }
}
