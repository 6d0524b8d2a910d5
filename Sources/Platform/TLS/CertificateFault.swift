/// Why a certificate and its key cannot be used: which of the two files, and what is wrong with it.
package struct CertificateFault: Error, Sendable, Hashable, CustomStringConvertible {
    package enum File: Sendable, Hashable { case certificate, key }

    package let file: File
    /// A sentence with the path.
    package let description: String

    init(_ file: File, _ description: String) {
        self.file = file
        self.description = description
    }
}
