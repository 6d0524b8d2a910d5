import TLS

extension Configuration {
    /// Of the URLs of this server itself.
    package var scheme: String { certificateFiles == nil ? "http" : "https" }

    /// Where a proxy serves TLS, it sends the field. A developer's certificate for localhost would bind every port of
    /// localhost to TLS for a year.
    var sendsStrictTransport: Bool { certificateFiles != nil && environment != .development }

    /// Reads the certificate and its key, so that a start with unusable ones is refused before the database is migrated.
    /// - Throws: ``ConfigurationFaults``.
    package func checkCertificate() throws {
        do throws(CertificateFault) { _ = try certificateFiles?.read() } catch { throw ConfigurationFaults(error) }
    }
}

extension ConfigurationFaults {
    init(_ fault: CertificateFault) {
        let name =
            switch fault.file {
            case .certificate: "TLS_CERT"
            case .key: "TLS_KEY"
            }
        self.init(faults: ["\(name): \(fault)"])
    }
}
