#!/bin/sh
# Install the folder build below a prefix, or uninstall it: install.sh install|uninstall PREFIX [DESTDIR]
#
# The folder is beside this script, as in the release's tarball, or in the directory that SOURCE
# names; so is `share`, with the manual pages and completion scripts. The folder is copied to
# PREFIX/lib; programs and the files of `share` become symlinks below PREFIX. Existing files that
# this script did not create are left alone, and named in the error. `uninstall` also removes the
# directories that `install` created, if they are empty.
set -eu
umask 022
action=${1:-}
prefix=${2-/usr/local}
root=${3:-}$prefix
source=${SOURCE:-$(dirname -- "$0")}
name=docker-credential-ecrpy
home=$root/lib/$name
programs="docker-credential-ecr-login docker-credential-ecrpy"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Whether a symlink is one that `link` creates.
is_ours() {
    case $(readlink -- "$1" || true) in
    ../lib/"$name"/* | ../../../lib/"$name"/* | "$home"/*) return 0 ;;
    esac
    return 1
}

# Print every symlink to create below PREFIX, for a directory with `share`. No name has a blank.
list_links() {
    for program in $programs; do
        echo "bin/$program"
    done
    (cd -- "$1" && find share -type f)
}

make_directory() {
    [ -d "$1" ] && return
    make_directory "$(dirname -- "$1")"
    mkdir -- "$1"
    made="$1
$made"
}

# link FILE UP LINK: a relative symlink, or an absolute one if LINK's directory is a symlink.
link() {
    ln -sf -- "$2lib/$name/$1" "$3"
    if [ -z "$destination" ] && [ ! -e "$3" ]; then
        ln -sf -- "$home/$1" "$3"
    fi
}

# Remove what an interrupted install created.
undo() {
    rm -rf -- "$home.new"
    remove_directories "$made"
}

remove_directories() {
    printf '%s\n' "$1" | while IFS= read -r directory; do
        [ -z "$directory" ] || rmdir -- "$directory" 2>/dev/null || true # not empty: others use it
    done
}

install() {
    if [ ! -x "$source/$name/docker-credential-ecr-login" ] || [ ! -d "$source/share" ]; then
        fail "$source/$name or $source/share is missing or incomplete"
    fi
    links=$(list_links "$source")
    if { [ -e "$home" ] || [ -L "$home" ]; } && [ ! -f "$home/.made" ]; then
        fail "$home already exists and is not from this script; remove it first"
    fi
    for link in $links; do
        path=$root/$link
        if { [ -e "$path" ] || [ -L "$path" ]; } && ! is_ours "$path"; then
            fail "$path already exists and is not from this script; remove it, or choose another PREFIX"
        fi
    done
    made=
    trap undo EXIT
    trap 'exit 130' INT TERM
    make_directory "$root/lib"
    for link in $links; do
        make_directory "$(dirname -- "$root/$link")"
    done
    # Copy beside the old folder, then replace it: an error on the way leaves the old one.
    rm -rf -- "$home.new"
    cp -R -- "$source/$name" "$home.new"
    cp -R -- "$source/share" "$home.new/share"
    chmod -R u=rwX,go=rX "$home.new"
    {
        # With DESTDIR a package manager removes the directories.
        [ -n "$destination" ] || printf '%s\n' "$made"
        [ ! -f "$home/.made" ] || cat -- "$home/.made" # created by an earlier install
    } >"$home.new/.made"
    rm -rf -- "$home"
    mv -- "$home.new" "$home"
    trap - EXIT
    for link in $links; do
        case $link in
        bin/*) link "${link#bin/}" ../ "$root/$link" ;;
        *) link "$link" ../../../ "$root/$link" ;; # all have the depth of share/man/man1/a
        esac
    done
    say "installed $root/bin/docker-credential-ecr-login and $root/bin/docker-credential-ecrpy"
}

uninstall() {
    [ -f "$home/.made" ] || fail "$home is not from this script; nothing to uninstall"
    made=$(cat "$home/.made")
    for link in $(list_links "$home"); do
        if is_ours "$root/$link"; then
            rm -- "$root/$link"
        fi
    done
    rm -rf -- "$home"
    remove_directories "$made"
    say "removed docker-credential-ecrpy from $root"
}

destination=${3:-}
case $prefix in /*) ;; *) fail "PREFIX $prefix is not an absolute path; write one such as /usr/local" ;; esac
case $action in
install | uninstall) "$action" ;;
*) fail "usage: install.sh install|uninstall PREFIX [DESTDIR]" ;;
esac
