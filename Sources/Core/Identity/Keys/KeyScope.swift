/// What an API key may be used for: the name of a group of doors, such as `training`. A door says itself which scope opens it to keys.
package struct KeyScope: Sendable, Hashable {
    package let name: String
    package init(_ name: String) { self.name = name }
}

extension KeyScope {
    /// Looking at one's own account and organisations.
    package static let identityRead = KeyScope("identity.read")
    /// Asking what the plan allows and what is left of it.
    package static let entitlementsCheck = KeyScope("entitlements.check")
    /// Telling of use that is counted elsewhere.
    package static let usageWrite = KeyScope("usage.write")
    package static let training = KeyScope("training")

    /// Every scope there is, in the order in which they are listed to people.
    package static let all: [KeyScope] = [identityRead, entitlementsCheck, usageWrite, training]
}
