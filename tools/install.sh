#!/bin/sh
# Install the standalone program below a prefix, or remove it:
# install.sh install|package|uninstall PREFIX [DESTDIR]
#
# The program is beside this script, as in the release's tarball, or in the directory that SOURCE
# names: one file if .static is there too, and a folder otherwise. So is `share`: the manual pages
# and shell completions. Programs and the files of `share` become symlinks below PREFIX. Existing
# files that this script did not create are left alone, and named in the error; directories that it
# created are removed with their last file. `package` is for a package manager, which tracks the files
# itself: the files of `share` are no symlinks, and no record of the installation is written.
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

# Return whether a symlink was made by `link`.
is_ours() {
    case $(readlink -- "$1" || true) in
    ../lib/"$name"/* | ../../../lib/"$name"/* | "$home"/*) return 0 ;;
    esac
    return 1
}

# Print every link below PREFIX, for a directory with `share`. No name has a blank.
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

# Link FILE of the installed directory as LINK: relative by UP, or absolute if LINK's directory is a symlink.
# link FILE UP LINK
link() {
    ln -sf -- "$2lib/$name/$1" "$3"
    if [ -z "$destination" ] && [ ! -e "$3" ]; then
        ln -sf -- "$home/$1" "$3"
    fi
}

# Undo an install that did not finish.
undo() {
    rm -rf -- "$home.new"
    remove_directories "$made"
}

remove_directories() {
    printf '%s\n' "$1" | while IFS= read -r directory; do
        [ -z "$directory" ] || rmdir -- "$directory" 2>/dev/null || true # it has other files now
    done
}

install() {
    program=$source/$name/docker-credential-ecr-login
    [ ! -e "$source/.static" ] || program=$source/docker-credential-ecr-login
    if [ ! -x "$program" ] || [ ! -d "$source/share" ]; then
        fail "$program or $source/share is missing or incomplete;" \
            "run 'make binary', or unpack the tarball again"
    fi
    links=$(list_links "$source")
    if { [ -e "$home" ] || [ -L "$home" ]; } && [ ! -f "$home/.made" ]; then
        fail "$home exists and was not created by this script; remove it first"
    fi
    for link in $links; do
        path=$root/$link
        if { [ -e "$path" ] || [ -L "$path" ]; } && ! is_ours "$path"; then
            fail "$path exists and was not created by this script;" \
                "remove it, or choose another PREFIX"
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
    if [ -e "$source/.static" ]; then
        mkdir -- "$home.new"
        cp -- "$program" "$home.new/"
        ln -s docker-credential-ecr-login "$home.new/$name"
    else
        cp -R -- "$source/$name" "$home.new"
    fi
    cp -R -- "$source/share" "$home.new/share"
    chmod -R u=rwX,go=rX "$home.new"
    {
        # A package is not removed from the packager's DESTDIR.
        [ -n "$destination" ] || printf '%s\n' "$made"
        [ ! -f "$home/.made" ] || cat -- "$home/.made" # of an earlier install
    } >"$home.new/.made"
    rm -rf -- "$home"
    mv -- "$home.new" "$home"
    trap - EXIT
    for link in $links; do
        case $link in
        bin/*) link "${link#bin/}" ../ "$root/$link" ;;
        *) link "$link" ../../../ "$root/$link" ;; # all are at the depth of share/man/man1/a
        esac
    done
    say "installed $root/bin/docker-credential-ecr-login and $root/bin/docker-credential-ecrpy"
}

package() {
    install
    rm -- "$home/.made"
    (cd -- "$home" && find share -type f) | while IFS= read -r file; do
        mv -f -- "$home/$file" "$root/$file"
    done
    rm -r -- "$home/share"
}

uninstall() {
    [ -f "$home/.made" ] || fail "$home was not created by this script; nothing to uninstall"
    made=$(cat "$home/.made")
    for link in $(list_links "$home"); do
        if is_ours "$root/$link"; then
            rm -- "$root/$link"
        fi
    done
    rm -rf -- "$home"
    remove_directories "$made"
    say "removed the installed files below $root"
}

destination=${3:-}
case $prefix in /*) ;; *) fail "PREFIX must be an absolute path, not '$prefix'" ;; esac
case $action in
install | package | uninstall) "$action" ;;
*) fail "usage: install.sh install|package|uninstall PREFIX [DESTDIR]" ;;
esac
