extension TestResponse {
    /// - Parameter problem: which may come in place of the status.
    /// - Throws: ``UnexpectedResponse``.
    package func require(_ status: Int, or problem: String? = nil) throws {
        guard self.status == status || problem != nil && code == problem else { throw UnexpectedResponse(self) }
    }
}
