package import Modules

extension Route {
    /// Whether the route requires no credential.
    package var isPublic: Bool { security.isEmpty }
}
