/// The owner of data, quota and money; accounts are members of organisations.
package struct Organisation {}
